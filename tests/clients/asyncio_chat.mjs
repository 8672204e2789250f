// People chat through examples/python/asyncio_chat.py with npm's client: its guard awaits, and one of its handlers asks
// another client. Python finds the package by itself, or by PYTHONPATH and SALON_LIBRARY.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Host } from '../browser/host.mjs'
import { open, root, ways } from './client.mjs'

const host = new Host([process.env.PYTHON ?? 'python3', `${root}/examples/python/asyncio_chat.py`])
before(() => host.start())
after(() => host.stop())

const enter = (who, way) => open(`${host.url}chat`, { ...way, auth: { token: `token-of-${who}` } })

for (const [name, way] of Object.entries(ways)) {
  test(`the lobby, an invitation and a room of two, by ${name}`, { timeout: 30_000 }, async () => {
    const [Ada, Bob, Cleo] = ['ada', 'bob', 'cleo'].map(who => enter(who, way))
    for (const one of [Ada, Bob, Cleo]) await one.heard.next('connect')
    Ada.emit('say', 'Good evening! 🎻')
    const said = { from: 'Ada', text: 'Good evening! 🎻' }
    for (const one of [Bob, Cleo]) assert.deepEqual(await one.heard.next('said'), [said])

    Bob.on('invited', (who, room, answer) => answer(who === 'Ada' && room === 'kitchen'))
    assert.equal(await Ada.emitWithAck('invite', { who: 'Bob', room: 'kitchen' }), 'accepted')
    Cleo.on('invited', (_who, _room, answer) => answer(false))
    assert.equal(await Ada.emitWithAck('invite', { who: 'Cleo', room: 'kitchen' }), 'declined')
    Bob.emit('say', 'Only for the two of us.')
    assert.equal((await Ada.heard.next('said'))[0].text, 'Only for the two of us.')
    Cleo.emit('say', 'Is anybody here?')
    const dora = await Cleo.emitWithAck('invite', { who: 'Dora', room: 'attic' })
    assert.deepEqual(dora, { status: 'error', message: 'Dora is not here.' })
    assert.deepEqual([...Cleo.heard.rest('said'), ...Ada.heard.rest('said')], [], 'each hears its own room')

    // Somebody who is asked and leaves has not answered.
    Bob.off('invited').on('invited', () => Bob.disconnect())
    assert.equal(await Cleo.emitWithAck('invite', { who: 'Bob', room: 'attic' }), 'no answer')
  })
}

test('who has no token that is known is refused, and who sends no invitation is told', { timeout: 30_000 }, async () => {
  const nobody = enter('nobody', ways.websocket)
  assert.equal((await nobody.heard.next('connect_error'))[0].message, 'No such token.')
  const Ada = enter('ada', ways.websocket)
  await Ada.heard.next('connect')
  assert.deepEqual(await Ada.emitWithAck('invite', { who: 'Bob' }),
    { status: 'error', message: 'invite: invitation.room is missing' })
})
