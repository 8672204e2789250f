// Real clients talk through the C examples: `node chat.mjs FOLDER`, where they are built.
// Each clean end is part of the test: the examples are built with a leak checker.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { io } from 'socket.io-client'
import WebSocket from 'ws'

const folder = process.argv[2]
const PATIENCE_MS = 15_000
setTimeout(() => {
  console.error('the clients waited in vain')
  process.exit(1)
}, 4 * PATIENCE_MS).unref()

/** An example that runs, and its way to an orderly end. */
class Example {
  static async start(name) {
    const example = new Example()
    const child = spawn(path.join(folder, name), ['--listen', '127.0.0.1:0'], { stdio: ['pipe', 'pipe', 'inherit'] })
    example.child = child
    process.on('exit', () => child.kill('SIGKILL'))
    let printed = ''
    for await (const piece of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      printed += piece
      const said = printed.match(/^listening on ws:\/\/(\S+:\d+)\/\n/)
      if (said) {
        example.address = said[1]
        return example
      }
    }
    throw new Error(`${name} ended before it listened; it printed ${printed}`)
  }

  /** Ends it by a signal, or by the end of its input; it must end well. */
  async end(signal) {
    const ended = once(this.child, 'exit')
    if (signal) this.child.kill(signal)
    else this.child.stdin.end()
    assert.deepEqual(await ended, [0, null])
  }
}

/** A plain WebSocket client of the JSON dialect, with a wait for each message. */
function plain(url) {
  const socket = new WebSocket(url)
  const heard = []
  let waiting = null
  const look = () => {
    const at = waiting ? heard.findIndex(waiting.wanted) : -1
    if (at < 0) return
    const { resolve } = waiting
    waiting = null
    resolve(heard.splice(at, 1)[0])
  }
  socket.on('message', (data, isBinary) => {
    heard.push(isBinary ? data : data.toString())
    look()
  })
  const next = wanted => new Promise(resolve => {
    waiting = { wanted, resolve }
    look()
  })
  return {
    socket,
    opened: once(socket, 'open'),
    /** The next message as it is. */
    raw: () => next(() => true),
    /** The next message of this event's name, or with this ack. */
    event: async name => JSON.parse(await next(text => JSON.parse(text).event === name)),
    ack: async id => JSON.parse(await next(text => JSON.parse(text).ack === id)),
    say: message => socket.send(typeof message === 'object' ? JSON.stringify(message) : message),
  }
}

const heardBy = (socket, name) => new Promise(resolve => socket.once(name, (...args) => resolve(args)))
const options = more => ({ forceNew: true, reconnection: false, ...more })

async function refused(url) {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  socket.terminate()
  return response.statusCode
}

const tests = {
  async chat() {
    const chat = await Example.start('chat')
    const nobody = io(`http://${chat.address}`, options())
    const [error] = await heardBy(nobody, 'connect_error')
    assert.equal(error.message, 'say who you are')
    nobody.close()
    assert.equal(await refused(`ws://${chat.address}/`), 401)

    const ann = io(`http://${chat.address}`, options({ auth: { name: 'Änn "A"' } }))
    const ben = plain(`ws://${chat.address}/?name=b%C3%A9n`)
    const cat = io(`http://${chat.address}`, options({ query: { name: 'cat' }, transports: ['polling'] }))
    await Promise.all([heardBy(ann, 'connect'), ben.opened, heardBy(cat, 'connect')])
    assert.equal(await ann.emitWithAck('join', 'lobby'), null)
    ben.say({ event: 'join', data: 'lobby', id: 1 })
    assert.deepEqual((await ben.ack(1)).args, [null, 2])
    assert.equal(await cat.emitWithAck('say', 'lobby', 'may I?'), "you can't")
    assert.equal(await cat.emitWithAck('join', 42), "you can't")
    await cat.emitWithAck('join', 'lobby')

    const heard = [heardBy(ann, 'said'), ben.event('said'), heardBy(cat, 'said')]
    ann.emit('say', 'lobby', 'Good "evening" \u{1f600}')
    const line = ['lobby', 'Änn "A"', 'Good "evening" \u{1f600}']
    assert.deepEqual(await heard[0], line)
    assert.deepEqual((await heard[1]).args, line)
    assert.deepEqual(await heard[2], line)
    const answer = heardBy(cat, 'said')
    ben.say({ event: 'say', args: ['lobby', { and: 'objects' }] })
    assert.deepEqual(await answer, ['lobby', 'bén', { and: 'objects' }])
    assert.equal(await ann.emitWithAck('leave', 'lobby'), null)
    assert.equal(await ann.emitWithAck('say', 'lobby', 'x'), "you can't")

    const gone = [heardBy(ann, 'disconnect'), once(ben.socket, 'close'), heardBy(cat, 'disconnect')]
    await chat.end('SIGTERM')
    await Promise.all(gone)
  },

  async poll_loop() {
    const loop = await Example.start('poll_loop')
    const ann = io(`http://${loop.address}`, options())
    const ben = plain(`ws://${loop.address}/`)
    await Promise.all([heardBy(ann, 'connect'), ben.event('connect')])
    for (const text of ['a line', 'another with "quotes"']) {
      const heard = [heardBy(ann, 'line'), ben.event('line')]
      loop.child.stdin.write(`${text}\n`)
      assert.deepEqual(await heard[0], [text])
      assert.equal((await heard[1]).data, text)
    }
    const heard = heardBy(ann, 'hello')
    ben.say({ event: 'hello', data: 1 })
    assert.deepEqual(await heard, [1])
    await loop.end()
  },

  async libuv_loop() {
    const loop = await Example.start('libuv_loop')
    const ann = io(`http://${loop.address}`, options())
    const ben = plain(`ws://${loop.address}/`)
    await Promise.all([heardBy(ann, 'connect'), ben.event('connect')])
    for (let round = 0; round < 3; round++) await Promise.all([heardBy(ann, 'time'), ben.event('time')])
    const heard = ben.event('hello')
    ann.emit('hello', 1)
    assert.equal((await heard).data, 1)
    await loop.end('SIGINT')
  },

  async threads() {
    const threads = await Example.start('threads')
    const liar = io(`http://${threads.address}`, options({ auth: { token: 'nonsense' } }))
    const [error] = await heardBy(liar, 'connect_error')
    assert.equal(error.message, 'no such token')
    liar.close()
    assert.equal(await refused(`ws://${threads.address}/?token=x`), 401)
    const ann = io(`http://${threads.address}`, options({ auth: { token: 'secret-ann' } }))
    const ben = plain(`ws://${threads.address}/?token=secret-ben`)
    await Promise.all([heardBy(ann, 'connect'), ben.opened])
    for (let round = 0; round < 3; round++) await Promise.all([heardBy(ann, 'news'), ben.event('news')])
    const heard = ben.event('hello')
    ann.emit('hello', 1)
    assert.equal((await heard).data, 1)
    await threads.end('SIGTERM')
  },

  /** It says nothing and runs until it is killed, as its contract is. */
  async bench_server() {
    const free = net.createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address()
    free.close()
    const child = spawn(path.join(folder, 'bench_server'), [String(port)], { stdio: 'inherit' })
    process.on('exit', () => child.kill('SIGKILL'))
    const ann = io(`http://127.0.0.1:${port}`, { forceNew: true, reconnectionDelay: 50 })
    await heardBy(ann, 'connect')
    const echoed = heardBy(ann, 'echo')
    ann.emit('echo', 'x', 1)
    assert.deepEqual(await echoed, ['x', 1])
    const joined = heardBy(ann, 'joined')
    ann.emit('join', 'r1')
    assert.deepEqual(await joined, ['r1'])
    const message = heardBy(ann, 'msg')
    ann.emit('msg', 1, 2)
    assert.deepEqual(await message, [1, 2])

    const echo = plain(`ws://127.0.0.1:${port}/echo`)
    const [a, b] = [plain(`ws://127.0.0.1:${port}/room`), plain(`ws://127.0.0.1:${port}/room`)]
    await Promise.all([echo.opened, a.opened, b.opened])
    echo.say('text')
    assert.equal(await echo.raw(), 'text')
    echo.socket.send(Buffer.from([1, 2]))
    assert.deepEqual(await echo.raw(), Buffer.from([1, 2]))
    for (const client of [a, b]) {
      client.say('j:hall')
      assert.equal(await client.raw(), 'j:hall')
    }
    a.say('to all')
    assert.deepEqual([await a.raw(), await b.raw()], ['to all', 'to all'])
    for (const { socket } of [echo, a, b]) socket.terminate()
    ann.close()
    child.kill('SIGKILL')
    await once(child, 'exit')
  },
}

for (const [name, test] of Object.entries(tests)) {
  await test()
  console.log(`clients talk through ${name}`)
}
process.exit(0)
