// Connection state recovery with npm's `socket.io-client`: who loses the connection comes back as the same socket, with
// what was missed. Bob stays and speaks; Ada's line breaks.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Line, also, example, open, until, ways } from './client.mjs'

const WINDOW_MS = 2_000
const host = example('socketio', '--recovery', String(WINDOW_MS))
const auth = { token: 'sesame' }
/** The host's own number for each Ada. */
let user = 0
let line, Bob

before(() => host.start())
after(() => host.stop())
beforeEach(async () => {
  line = await new Line(host.url).start()
  Bob = open(`${host.url}guarded`, { ...ways.websocket, auth })
  await Bob.heard.next('connect')
})
afterEach(() => Bob.disconnect())

const say = (...args) => Bob.emitWithAck('say', ...args)
/** What Ada hears, without the offset that every event carries at its end. */
const hears = async (socket, event) => {
  const args = await socket.heard.next(event)
  assert.equal(typeof args.pop(), 'string', 'an offset')
  return args
}
async function isAway(socket) {
  assert.match((await socket.heard.next('disconnect'))[0], /^transport (close|error)$/)
}

for (const [way, options] of Object.entries(ways)) {
  describe(`recovery, ${way}`, () => {
    const tea = `tea, ${way}`
    const enter = async () => {
      const socket = open(`${line.url}/guarded`, { ...options, auth: { ...auth, user: ++user } })
      await socket.heard.next('connect')
      if (way === 'upgrade') await until('upgraded', () => socket.io.engine.transport.name === 'websocket')
      return socket
    }

    test('what was missed comes, once and in order, and the rooms are as before', async () => {
      const Ada = await enter()
      assert.equal(Ada.recovered, false)
      await Ada.emitWithAck('join', tea)
      await say('before')
      assert.deepEqual(await hears(Ada, 'said'), ['before'])
      const { id } = Ada
      line.down()
      await isAway(Ada)
      await say('one')
      await Bob.emitWithAck('tell', { rooms: [tea] }, 'two, for the tea room')
      await Bob.emitWithAck('tell', { rooms: ['coffee'] }, 'not for her')
      await say('three', { bytes: Buffer.from([1, 2, 3]) })
      await Bob.emitWithAck('tell', { rooms: [tea], volatile: true }, 'soon out of date')
      await Bob.emitWithAck('tell', { rooms: [id] }, 'four, for her alone')
      line.up()
      await Ada.heard.next('connect')
      assert.equal(Ada.recovered, true)
      assert.equal(Ada.id, id)
      assert.equal(await Ada.emitWithAck('user'), user)
      assert.deepEqual(await hears(Ada, 'said'), ['one'])
      assert.deepEqual(await hears(Ada, 'told'), ['two, for the tea room'])
      assert.deepEqual(await hears(Ada, 'said'), ['three', { bytes: Buffer.from([1, 2, 3]) }])
      assert.deepEqual(await hears(Ada, 'told'), ['four, for her alone'])
      assert.equal(await Bob.emitWithAck('tell', { rooms: [tea] }, 'five'), 1, 'she is in the room again')
      assert.deepEqual(await hears(Ada, 'told'), ['five'])
      await Ada.emitWithAck('fence')
      assert.deepEqual([...Ada.heard.rest('said'), ...Ada.heard.rest('told')], [], 'nothing twice')
    })

    test('several times in a row', async () => {
      const Ada = await enter()
      const { id } = Ada
      for (let time = 0; time < 5; time++) {
        line.down()
        await isAway(Ada)
        if (time !== 2) await say(`missed ${time}`)
        line.up()
        await Ada.heard.next('connect')
        assert.equal(Ada.recovered, true, `time ${time}`)
        assert.equal(Ada.id, id)
        if (time !== 2) assert.deepEqual(await hears(Ada, 'said'), [`missed ${time}`])
      }
      await Ada.emitWithAck('fence')
      assert.deepEqual(Ada.heard.rest('said'), [])
    })

    test('when nothing had been said before', async () => {
      const Ada = await enter()
      line.down()
      await isAway(Ada)
      await say('the first')
      line.up()
      await Ada.heard.next('connect')
      assert.equal(Ada.recovered, true)
      assert.deepEqual(await hears(Ada, 'said'), ['the first'])
    })

    test('when the client is back before the server knows that it was away', async () => {
      const Ada = await enter()
      await say('before')
      await hears(Ada, 'said')
      line.downForClients()
      await isAway(Ada)
      await say('missed')
      line.up()
      await Ada.heard.next('connect')
      assert.equal(Ada.recovered, true)
      await say('after')
      const heard = [await hears(Ada, 'said'), await hears(Ada, 'said')].flat()
      assert.deepEqual(heard, ['missed', 'after'])
      await Ada.emitWithAck('fence')
      assert.deepEqual(Ada.heard.rest('said'), [])
    })

    test('each namespace of the connection', async () => {
      const Ada = await enter()
      const main = also(Ada, '/')
      await main.heard.next('connect')
      const ids = [Ada.id, main.id]
      line.down()
      await Promise.all([isAway(Ada), isAway(main)])
      line.up()
      await Promise.all([Ada.heard.next('connect'), main.heard.next('connect')])
      assert.deepEqual([Ada.recovered, main.recovered], [true, true])
      assert.deepEqual([Ada.id, main.id], ids)
    })

    test('not when the guard refuses her now', async () => {
      const Ada = await enter()
      line.down()
      await isAway(Ada)
      Ada.auth = { token: 'stolen' }
      line.up()
      assert.equal((await Ada.heard.next('connect_error'))[0].message, 'not authorized')
    })

    test('not after the window', async () => {
      const Ada = await enter()
      await say('before')
      await hears(Ada, 'said')
      const { id } = Ada
      // The server sees a poll break, but between two polls it would have to wait for the heartbeat.
      if (way === 'polling') await line.isAsked()
      line.down()
      await isAway(Ada)
      await say('missed for good')
      // Others expire, too: those of earlier tests.
      while ((await hears(Bob, 'expired'))[0] !== user);
      line.up()
      await Ada.heard.next('connect')
      assert.equal(Ada.recovered, false)
      assert.notEqual(Ada.id, id)
      await Ada.emitWithAck('fence')
      assert.deepEqual(Ada.heard.rest('said'), [])
    })

    test('not when one of the two has said goodbye', async () => {
      const Ada = await enter()
      const { id } = Ada
      Ada.disconnect()
      assert.equal((await Ada.heard.next('disconnect'))[0], 'io client disconnect')
      await until('the server knows', async () => await Bob.emitWithAck('tell', { rooms: [id] }, 'there?') === 0)
      Ada.connect()
      await Ada.heard.next('connect')
      assert.notEqual(Ada.id, id)
      assert.equal(Ada.recovered, false)
      const second = Ada.id
      Ada.emit('kick')
      assert.equal((await Ada.heard.next('disconnect'))[0], 'io server disconnect')
      Ada.connect()
      await Ada.heard.next('connect')
      assert.notEqual(Ada.id, second)
      assert.equal(Ada.recovered, false)
    })
  })
}
