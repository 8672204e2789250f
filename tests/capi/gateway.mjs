// Socket.IO's own client and a plain WebSocket chat through the C++ gateway: `node gateway.mjs PROGRAM`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { io } from 'socket.io-client'
import WebSocket from 'ws'

setTimeout(() => {
  console.error('the clients waited in vain')
  process.exit(1)
}, 30_000).unref()

const program = spawn(path.resolve(process.argv[2]), ['--listen', '127.0.0.1:0'])
process.on('exit', () => program.kill('SIGKILL'))
const [printed] = await once(program.stdout.setEncoding('utf8'), 'data')
const port = printed.match(/:(\d+)\/chat/)[1]
const url = `http://127.0.0.1:${port}/chat`

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  const [me, other] = [`Ada by ${transports}`, `Ben by ${transports}`]
  const ada = io(url, { transports, auth: { name: me }, forceNew: true })
  const welcomed = once(ada, 'welcome')
  await once(ada, 'connect')
  assert.deepEqual(await welcomed, [me])

  // The guard keeps out who gives no name, or one that is taken.
  for (const [auth, reason] of [[{}, 'who are you?'], [{ name: me }, `${me} is here already`]]) {
    const stranger = io(url, { transports, auth, forceNew: true, reconnection: false })
    const [error] = await once(stranger, 'connect_error')
    assert.equal(error.message, reason)
    stranger.disconnect()
  }

  // A plain WebSocket in the same room hears what she says, and she hears it.
  const ben = new WebSocket(`ws://127.0.0.1:${port}/chat?name=${encodeURIComponent(other)}`)
  const came = once(ada, 'came')
  const heard = []
  ben.on('message', (text) => heard.push(JSON.parse(text)))
  await once(ben, 'open')
  assert.deepEqual(await came, [other])
  assert.deepEqual(await ada.timeout(5_000).emitWithAck('say', { text: 'Good evening' }), { heard: 1 })
  const said = once(ada, 'said')
  ben.send(JSON.stringify({ event: 'say', data: { text: 'And to you' } }))
  assert.deepEqual(await said, [{ from: other, text: 'And to you' }])
  assert.ok(heard.some(({ event, data }) => event === 'said' && data.from === me && data.text === 'Good evening'))

  // What is thrown is the ack's error, or the event `exception`; a fault of the host's stays its secret.
  const answer = await ada.timeout(5_000).emitWithAck('say', { text: '' })
  assert.deepEqual(answer, { status: 'error', message: 'say something' })
  const exception = once(ada, 'exception')
  ada.emit('fault')
  assert.ok(!JSON.stringify(await exception).includes('secret'))

  const left = once(ada, 'left')
  ben.close()
  assert.deepEqual(await left, [other])
  ada.disconnect()
}
console.log(`clients talk through ${process.argv[2]}`)
process.exit(0)
