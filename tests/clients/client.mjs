// What the tests with npm's clients share: hosts, clients that are closed after each test, and waiting for what is said.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { afterEach } from 'node:test'
import { fileURLToPath } from 'node:url'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { Host } from '../browser/host.mjs'

const PATIENCE_MS = 10_000
export const root = fileURLToPath(new URL('../..', import.meta.url))
const examples = process.env.SALON_EXAMPLES ?? `${process.env.CARGO_TARGET_DIR ?? `${root}/target`}/release/examples`

/** How a client gets to the server. */
export const ways = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgrade: {},
}

/** An example that is not started yet, with options. */
export const example = (name, ...options) => new Host([`${examples}/${name}`, ...options])

const opened = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

/** A client of its own connection. Everything that it hears is kept until it is asked for. */
export function open(url, options) {
  const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options })
  opened.push(() => socket.io._close())
  return listen(socket)
}

/** One more namespace of the client's connection. */
export const also = (socket, namespace, options) => listen(socket.io.socket(namespace, options))

function listen(socket) {
  const heard = new Heard()
  socket.onAny((event, ...args) => heard.add(event, args))
  for (const event of ['connect', 'disconnect', 'connect_error']) socket.on(event, (...args) => heard.add(event, args))
  socket.heard = heard
  return socket
}

/** A plain WebSocket, of the JSON dialect or the raw one. */
export async function openWebSocket(url, { raw = false } = {}) {
  const socket = new WebSocket(url.replace(/^http/, 'ws'))
  opened.push(() => socket.terminate())
  const heard = socket.heard = new Heard()
  let asked = 0
  const answers = new Map()
  socket.on('message', (data, isBinary) => {
    if (raw) return heard.add('message', [isBinary ? data : String(data)])
    const message = JSON.parse(data)
    if ('ack' in message) return answers.get(message.ack)?.(message)
    heard.add(message.event, [message])
  })
  socket.say = message => socket.send(JSON.stringify(message))
  socket.ask = message => new Promise(resolve => {
    answers.set(++asked, resolve)
    socket.say({ ...message, id: asked })
  })
  await once(socket, 'open')
  return socket
}

/** What was said to a client, by event, in order. */
class Heard {
  #kept = []
  #waiting = []

  add(event, args) {
    const at = this.#waiting.findIndex(one => one.event === event)
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(args)
    else this.#kept.push({ event, args })
  }

  /** The arguments of the next such event, which may have come before. */
  next(event) {
    const at = this.#kept.findIndex(one => one.event === event)
    if (at >= 0) return Promise.resolve(this.#kept.splice(at, 1)[0].args)
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no ${event} within ${PATIENCE_MS} ms; there was ${this.describe()}`))
      const timer = setTimeout(late, PATIENCE_MS)
      this.#waiting.push({ event, resolve: args => (clearTimeout(timer), resolve(args)) })
    })
  }

  async nexts(event, count) {
    const all = []
    while (all.length < count) all.push(await this.next(event))
    return all
  }

  /** What has come and was not asked for. */
  rest(event) {
    return this.#kept.filter(one => one.event === event).map(one => one.args)
  }

  describe() {
    return this.#kept.map(({ event, args }) => `${event} ${JSON.stringify(args).slice(0, 80)}`).join(', ') || 'nothing'
  }
}

/** Waits until `condition` answers something true, by asking again and again. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS
  for (;;) {
    const answer = await condition()
    if (answer) return answer
    assert.ok(Date.now() < end, `${what}: not within ${PATIENCE_MS} ms`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** A line to the server that can break. */
export class Line {
  #server = createServer(client => this.#join(client))
  #pairs = new Set()
  #isUp = true
  #target
  /** WebSockets wait at the start until this resolves. */
  gate = Promise.resolve()

  constructor(url) {
    this.#target = new URL(url)
  }

  async start() {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    opened.push(() => (this.down(), this.#server.close()))
    this.url = `http://127.0.0.1:${this.#server.address().port}`
    return this
  }

  #join(client) {
    if (!this.#isUp) return client.destroy()
    const server = connect(this.#target.port, this.#target.hostname)
    const pair = { client, server, isHeld: false, isAsked: false }
    this.#pairs.add(pair)
    client.once('data', async head => {
      if (/^upgrade: websocket/im.test(head)) await (client.pause(), this.gate)
      const ask = data => (pair.isAsked = true, server.write(data))
      ask(head)
      client.on('data', ask).resume()
    })
    server.on('data', data => (pair.isAsked = false, client.write(data)))
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on('error', () => {})
      from.on('close', () => pair.isHeld || to.destroy())
    }
    server.on('close', () => this.#pairs.delete(pair))
  }

  /** Waits until a request stands without an answer, as a poll does. */
  isAsked() {
    return until('a request waits', () => [...this.#pairs].some(pair => pair.isAsked))
  }

  /** Both ends see it break, and nobody comes through until `up`. */
  down() {
    this.#isUp = false
    for (const { client, server } of this.#pairs) (client.destroy(), server.destroy())
  }

  up() {
    this.#isUp = true
  }

  /** Only clients see it break, and the server goes on waiting for them. Nobody comes through until `up`. */
  downForClients() {
    this.#isUp = false
    for (const pair of this.#pairs) (pair.isHeld = true, pair.client.destroy())
  }
}
