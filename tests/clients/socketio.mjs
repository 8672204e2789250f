// npm's `socket.io-client`, unmodified, against examples/socketio.rs: by polling, by WebSocket, and by both.
//
// `node --test tests/clients/socketio.mjs`, or `tests/run clients`, which installs what this needs. SALON_UPGRADES says
// how many times events are fired across the upgrade (20).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Line, also, example, open, until, ways } from './client.mjs'

const MESSAGE_BYTES = 1_000_000
const upgrades = Number(process.env.SALON_UPGRADES ?? 20)
const host = example('socketio')
const connect = async (options, namespace = '') => {
  const socket = open(host.url.slice(0, -1) + namespace, options)
  await socket.heard.next('connect')
  return socket
}
const nested = () => [
  { deep: [Buffer.from([0, 1, 255]), { deeper: [[Buffer.alloc(70_000, 'b')]], text: 'Grüße', nothing: null }], list: [1, 2.5] },
  Buffer.alloc(0),
  'last',
]
/** A server's answer to this comes after all that it said before. */
const fence = socket => socket.emitWithAck('fence')

before(() => host.start())
after(() => host.stop())

for (const [way, options] of Object.entries(ways)) {
  describe(way, () => {
    test('enters, and the server sees the auth', async () => {
      const socket = await connect({ ...options, auth: { token: 'tea', list: [1, { a: null }] } })
      assert.deepEqual(await socket.heard.next('auth'), [{ token: 'tea', list: [1, { a: null }] }])
      const guarded = also(socket, '/guarded', { auth: { token: 'sesame' } })
      await guarded.heard.next('connect')
      assert.notEqual(guarded.id, socket.id)
      if (way === 'upgrade') await until('upgraded', () => socket.io.engine.transport.name === 'websocket')
      assert.equal(socket.io.engine.transport.name, way === 'upgrade' ? 'websocket' : way)
      assert.equal(await guarded.emitWithAck('echo', 1), 1)
    })

    test('is refused with a message and data, and may try again', async () => {
      const socket = open(`${host.url}guarded`, { ...options, auth: { token: 'wrong' } })
      const [error] = await socket.heard.next('connect_error')
      assert.equal(error.message, 'not authorized')
      assert.deepEqual(error.data, { status: 403, given: 'wrong' })
      assert.equal(socket.active, false, 'it does not try again by itself')
      socket.auth = { token: 'sesame' }
      socket.connect()
      await socket.heard.next('connect')
      const unknown = also(socket, '/unknown')
      const [invalid] = await unknown.heard.next('connect_error')
      assert.equal(invalid.message, 'Invalid namespace')
      assert.equal(await socket.emitWithAck('echo', 'still here'), 'still here')
    })

    test('events of every kind come back as they went', async () => {
      const socket = await connect(options)
      const all = [[], [null], [1, '2', { 3: [true] }], ['\u2028 "quoted" \\ 🎻 \0'], [[[[]]], {}], [1e21, -0.5], [{ toString: 1, constructor: null }]]
      for (const args of all) {
        socket.emit('message', ...args)
        assert.deepEqual(await socket.heard.next('message-back'), args)
      }
    })

    test('acks both ways, and neither side waits without end', async () => {
      const socket = await connect(options)
      assert.equal(await socket.timeout(5_000).emitWithAck('echo', 'one'), 'one')
      assert.deepEqual(await Promise.all([1, 2, 3].map(number => socket.emitWithAck('echo', number))), [1, 2, 3])
      await assert.rejects(socket.timeout(100).emitWithAck('silence', 1), /timed out/)
      socket.once('question', (what, answer) => answer(`${what}?`, { certainly: true }))
      socket.emit('ask', 'tea')
      assert.deepEqual(await socket.heard.next('answered'), ['tea?', { certainly: true }])
      socket.emit('ask', 'more')
      assert.deepEqual(await socket.heard.next('unanswered'), ['no answer came in time'])
      let late
      socket.once('question', (what, answer) => late = answer)
      socket.emit('ask', 'late')
      await socket.heard.next('unanswered')
      late('too late')
      await fence(socket)
      assert.deepEqual(socket.heard.rest('answered'), [])
    })

    test('bytes anywhere in the arguments, both ways', async () => {
      const socket = await connect(options)
      socket.emit('message', ...nested())
      assert.deepEqual(await socket.heard.next('message-back'), nested())
      assert.deepEqual(await socket.emitWithAck('echo', nested()), nested())
      socket.once('question', (...args) => args.pop()(...args.reverse()))
      socket.emit('ask', ...nested())
      assert.deepEqual(await socket.heard.next('answered'), nested().reverse())
      const ten = Array.from({ length: 10 }, (_, number) => Buffer.alloc(number * 1000, number))
      socket.emit('message', ten)
      assert.deepEqual(await socket.heard.next('message-back'), [ten])
      // One more than Socket.IO's parsers take.
      socket.io.reconnection(false)
      socket.emit('message', [...ten, Buffer.alloc(1)])
      assert.match((await socket.heard.next('disconnect'))[0], /^transport (close|error)$/)
    })

    test('several namespaces on one connection', async () => {
      const socket = await connect(options)
      const custom = also(socket, '/custom', { auth: { token: 'abc' } })
      await custom.heard.next('connect')
      assert.equal(custom.io, socket.io)
      for (const each of [socket, custom]) each.emit('join', 'room')
      custom.emit('message', 'to custom')
      socket.emit('message', 'to main')
      assert.deepEqual(await custom.heard.next('message-back'), ['to custom'])
      assert.deepEqual(await socket.heard.next('message-back'), ['to main'])
      const id = custom.id
      custom.disconnect()
      assert.equal(await socket.emitWithAck('echo', 'here'), 'here')
      custom.connect()
      await custom.heard.next('connect')
      assert.notEqual(custom.id, id, 'who leaves and comes back is somebody new')
      assert.deepEqual(custom.heard.rest('message-back'), [])
      assert.deepEqual(socket.heard.rest('message-back'), [])
    })

    test('rooms: unions reach each once, and those excepted not', async () => {
      const [Ada, Bob, Cleo, Dora] = await Promise.all(Array.from({ length: 4 }, () => connect(options)))
      const custom = also(Ada, '/custom')
      await Promise.all([custom.heard.next('connect'), custom.emitWithAck('join', 'red')])
      for (const [one, rooms] of [[Ada, ['red', 'blue']], [Bob, ['blue', 'green']], [Cleo, ['red', 'green']], [Dora, []]]) {
        for (const room of rooms) await one.emitWithAck('join', room)
      }
      const tell = async (to, text, ...who) => {
        assert.equal(await Dora.emitWithAck('tell', to, text), who.length, text)
        for (const one of who) assert.deepEqual(await one.heard.next('told'), [text])
      }
      await tell({ rooms: ['red'] }, 'red', Ada, Cleo)
      await tell({ rooms: ['red', 'blue', 'green'] }, 'all colours', Ada, Bob, Cleo)
      await tell({ rooms: ['red', 'blue'], except: ['green'] }, 'but not green', Ada)
      await tell({ rooms: ['nobody'] }, 'nobody')
      await tell({ rooms: [Bob.id] }, 'Bob alone', Bob)
      await tell({ rooms: ['red'], except: [Ada.id] }, 'red but Ada', Cleo)
      await Cleo.emitWithAck('leave', 'red')
      await tell({ rooms: ['red'] }, 'red now', Ada)
      assert.equal(await Ada.emitWithAck('tell', { rooms: ['red'] }, 'myself'), 0)
      Dora.emit('say', 'to all others')
      for (const one of [Ada, Bob, Cleo]) assert.deepEqual(await one.heard.next('said'), ['to all others'])
      await Promise.all([Ada, Bob, Cleo, Dora, custom].map(fence))
      for (const one of [Ada, Bob, Cleo, Dora, custom]) {
        assert.deepEqual([...one.heard.rest('told'), ...one.heard.rest('said')], [], 'nobody heard more')
      }
    })

    test('the whole namespace is asked, and everybody answers for themselves', async () => {
      const [asker, one, two, silent] = await Promise.all(Array.from({ length: 4 }, () => connect(options)))
      one.on('question', (what, answer) => answer('one', what))
      two.on('question', (what, answer) => answer('two'))
      const [answers, answered, of] = await new Promise(resolve => asker.emit('ask-all', 'who?', (...all) => resolve(all)))
      assert.deepEqual(answers.sort(), [['one', 'who?'], ['two']])
      assert.deepEqual([answered, of], [2, 3])
      assert.equal((await silent.heard.next('question'))[0], 'who?')
    })

    test('what is volatile is heard by who listens', async () => {
      const [Ada, Bob] = [await connect(options), await connect(options)]
      // Between two polls nobody listens, so it may take more than one attempt.
      await until('Ada heard', () => Bob.emitWithAck('tell', { rooms: [Ada.id], volatile: true }, 'typing'))
      assert.deepEqual(await Ada.heard.next('told'), ['typing'])
      await fence(Ada)
      assert.deepEqual(Ada.heard.rest('told'), [], 'once')
    })

    test('the server disconnects from a namespace', async () => {
      const socket = await connect(options)
      const custom = also(socket, '/custom')
      await custom.heard.next('connect')
      custom.emit('kick')
      assert.deepEqual((await custom.heard.next('disconnect'))[0], 'io server disconnect')
      assert.equal(custom.active, false, 'it does not come back by itself')
      assert.equal(await socket.emitWithAck('echo', 'here'), 'here')
      custom.connect()
      await custom.heard.next('connect')
    })

    test('the server disconnects wholly', async () => {
      const socket = await connect(options)
      const custom = also(socket, '/custom')
      await custom.heard.next('connect')
      const closed = new Promise(resolve => socket.io.engine.once('close', resolve))
      socket.emit('message', 'last words')
      socket.emit('close')
      for (const each of [socket, custom]) {
        assert.equal((await each.heard.next('disconnect'))[0], 'io server disconnect')
      }
      await closed
      assert.deepEqual(await socket.heard.next('message-back'), ['last words'], 'what was said before arrives')
    })

    test('900 KB both ways, as text and as bytes', async () => {
      const socket = await connect(options)
      const text = 'Grüße, '.repeat(100_000)
      socket.emit('message', text)
      assert.ok((await socket.heard.next('message-back'))[0] === text)
      const bytes = Buffer.alloc(way === 'polling' ? 650_000 : 900_000, 'salon')
      assert.ok((await socket.emitWithAck('echo', bytes)).equals(bytes))
      socket.once('question', (same, answer) => answer(same))
      socket.emit('ask', text)
      assert.ok((await socket.heard.next('answered'))[0] === text)
    })

    test('a message at the limit passes, one byte more is refused', async () => {
      const socket = await connect({ ...options, reconnection: false })
      if (way === 'upgrade') await until('upgraded', () => socket.io.engine.transport.name === 'websocket')
      const text = 'x'.repeat(MESSAGE_BYTES - '42["message",""]'.length)
      await fence(socket)
      socket.emit('message', text)
      assert.ok((await socket.heard.next('message-back'))[0] === text)
      await fence(socket)
      socket.emit('message', `${text}x`)
      const [reason, details] = await socket.heard.next('disconnect')
      if (way === 'polling') {
        assert.equal(reason, 'transport error')
        assert.equal(details.description, 413)
      } else {
        assert.equal(reason, 'transport close')
        assert.equal(details.context.code, 1009)
      }
    })

    test('a burst of 1,000 arrives in order', async () => {
      const socket = await connect(options)
      socket.emit('burst', 1_000)
      const numbers = (await socket.heard.nexts('number', 1_000)).flat()
      assert.deepEqual(numbers, [...numbers.keys()])
      for (const number of numbers) socket.emit('message', number)
      assert.deepEqual((await socket.heard.nexts('message-back', 1_000)).flat(), numbers)
    })

    test('comes back by itself when the server is killed and started again', async () => {
      const socket = await connect(options)
      const custom = also(socket, '/custom')
      await custom.heard.next('connect')
      const id = socket.id
      await host.kill()
      for (const each of [socket, custom]) assert.match((await each.heard.next('disconnect'))[0], /^transport (close|error)$/)
      socket.emit('message', 'said while it was away')
      await host.start()
      for (const each of [socket, custom]) await each.heard.next('connect')
      assert.notEqual(socket.id, id)
      assert.ok(!socket.recovered)
      assert.deepEqual(await socket.heard.next('message-back'), ['said while it was away'])
      assert.equal(await custom.emitWithAck('echo', 'here'), 'here')
    })
  })
}

test(`1,000 numbered events each way across the upgrade, ${upgrades} times`, { timeout: 120_000 }, async () => {
  const line = await new Line(host.url).start()
  const attachment = Buffer.from('attached')
  const isBinary = number => number % 10 === 0
  let crossed = 0
  for (let round = 0; round < upgrades; round++) {
    // The WebSocket gets through when the client has heard this many.
    const openAt = Math.floor(round / upgrades * 900)
    let openGate, upgradedAt
    line.gate = new Promise(resolve => openGate = resolve)
    const socket = open(line.url)
    const numbers = []
    socket.on('number', number => numbers.push(number) > openAt && openGate())
    const upgraded = once(socket.io.engine, 'upgrade').then(() => upgradedAt = numbers.length)
    await socket.heard.next('connect')
    socket.emit('count', 1_000)
    for (let number = 0; number < 1_000; number++) {
      // The last hundred surely go after the upgrade, the others when they may.
      if (number === 900) await upgraded
      socket.emit('message', number, ...isBinary(number) ? [attachment] : [])
      if (number % 5 === round % 5) await new Promise(resolve => setImmediate(resolve))
    }
    const back = await socket.heard.nexts('message-back', 1_000)
    assert.deepEqual(back, [...back.keys()].map(number => isBinary(number) ? [number, attachment] : [number]))
    await until('all numbers', () => numbers.length >= 1_000)
    await fence(socket)
    assert.deepEqual(numbers, [...numbers.keys()])
    assert.deepEqual(socket.heard.rest('message-back'), [], 'nothing twice')
    assert.equal(socket.io.engine.transport.name, 'websocket')
    crossed += upgradedAt > 0 && upgradedAt < 1_000
    socket.disconnect()
  }
  assert.ok(crossed >= upgrades / 2, `the server's numbers crossed the upgrade in ${crossed} of ${upgrades} rounds`)
})

test('what is volatile is not kept for who is behind, and all else is', async () => {
  const [Ada, Bob] = [await connect(ways.websocket), await connect(ways.websocket)]
  await Ada.emitWithAck('join', 'slow')
  const line = Ada.io.engine.transport.ws._socket
  line.pause()
  const text = 'x'.repeat(900_000)
  let loud = 0
  const tell = (volatile, what) => Bob.emitWithAck('tell', { rooms: ['slow'], volatile }, what)
  await until('Ada is behind', async () => {
    loud += await tell(false, text)
    return await tell(true, 'typing') === 0
  })
  assert.equal(await tell(true, 'not to be heard'), 0)
  line.resume()
  await until('Ada has caught up', () => tell(true, 'volatile again'))
  const told = []
  while (told.at(-1) !== 'volatile again') told.push(...await Ada.heard.next('told'))
  assert.equal(told.filter(what => what === text).length, loud)
  assert.equal(told.filter(what => what === 'typing').length, loud - 1)
  assert.ok(!told.includes('not to be heard'))
})
