// socket.io-client for JavaScript, unmodified, told by lines of JSON what to do; bytes travel as {"$bytes": base64}.
//
// `node client.mjs FOLDER-WITH-NODE_MODULES URL OPTIONS`: reads [event, args, number] and emits it, with a number
// asks for an answer; [null] leaves, [false] breaks the connection. Writes [event, args], or [number, args] for an answer.
// The question "node?" is answered with its arguments in reverse.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [, , folder, url, options] = process.argv
const { io } = createRequire(`${folder}/`)('socket.io-client')
const pack = (_, value) => value?.type === 'Buffer' ? { $bytes: Buffer.from(value.data).toString('base64') } : value
const unpack = (_, value) => typeof value?.$bytes === 'string' ? Buffer.from(value.$bytes, 'base64') : value
const write = (event, args) => process.stdout.write(`${JSON.stringify([event, args], pack)}\n`)

const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...JSON.parse(options) })
for (const event of ['connect', 'disconnect', 'connect_error'])
  socket.on(event, why => {
    if (event === 'connect') write(event, [socket.id, socket.recovered])
    else write(event, event === 'disconnect' ? [why] : [why.message, why.data ?? null])
  })
socket.onAny((event, ...args) => {
  if (event === 'node?') args.pop()(...args.reverse())
  else write(event, args)
})
for await (const line of createInterface({ input: process.stdin })) {
  const [event, args, number] = JSON.parse(line, unpack)
  if (event === null) socket.disconnect()
  else if (event === false) socket.io.engine.close()
  else if (number) socket.emit(event, ...args, (...answer) => write(number, answer))
  else socket.emit(event, ...args)
}
socket.io._close()
