// People chat through the standalone example: two terminals with examples/node/chat.mjs, a JSON WebSocket as the page
// is one, and a client by polling.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { Host } from '../browser/host.mjs'
import { example, open, openWebSocket, root, ways } from './client.mjs'

// STANDALONE may name another command than the release example, as in tests/browser.
const standalone = () =>
  process.env.STANDALONE ? new Host(process.env.STANDALONE.split(' ')) : example('standalone')
const host = standalone()
before(() => host.start())
after(() => host.stop())

/** The example in a terminal: what it prints is taken line by line. */
function terminal(...args) {
  const child = spawn(process.execPath, [`${root}/examples/node/chat.mjs`, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  after(() => child.kill())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', text => complaints += text)
  return {
    says: text => child.stdin.write(`${text}\n`),
    async reads(...expected) {
      for (const line of expected) assert.equal((await lines.next()).value, line)
    },
    leaves: () => child.stdin.end(),
    async ends() {
      const [status] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode]
      return { status, complaints }
    },
  }
}

test('terminals, a page and a polling client are in one room', { timeout: 60_000 }, async () => {
  const page = await openWebSocket(`${host.url}chat?name=Paula`)
  await page.heard.next('welcome')
  await page.ask({ event: 'join', data: { room: 'lobby' } })
  page.say({ event: 'say', data: { room: 'lobby', text: 'Is anybody here?' } })

  const Ada = terminal('Ada', 'lobby', host.url)
  await Ada.reads('* 2 in lobby: Paula, Ada', 'Paula: Is anybody here?')
  assert.equal((await page.heard.next('joined'))[0].data.person.name, 'Ada')
  const Bob = terminal('Bob', 'lobby', host.url)
  await Bob.reads('* 3 in lobby: Paula, Ada, Bob', 'Paula: Is anybody here?')
  await Ada.reads('* Bob came in')
  const Cleo = open(`${host.url}chat`, { ...ways.polling, auth: { name: 'Ada' } })
  const [{ name }] = await Cleo.heard.next('welcome')
  assert.equal(name, 'Ada 2', 'there is an Ada already')
  const joined = await Cleo.emitWithAck('join', { room: 'lobby' })
  assert.deepEqual(joined.members.map(person => person.name), ['Paula', 'Ada', 'Bob', 'Ada 2'])
  for (const one of [Ada, Bob]) await one.reads('* Ada 2 came in')

  Ada.says('Good evening! — Grüße 🎻')
  await Bob.reads('Ada: Good evening! — Grüße 🎻')
  assert.equal((await page.heard.next('said'))[0].data.text, 'Good evening! — Grüße 🎻')
  assert.equal((await Cleo.heard.next('said'))[0].text, 'Good evening! — Grüße 🎻')
  const said = await page.ask({ event: 'say', data: { room: 'lobby', text: 'From the page' } })
  assert.equal(said.data.text, 'From the page')
  for (const one of [Ada, Bob]) await one.reads('Paula: From the page')
  assert.equal((await Cleo.heard.next('said'))[0].text, 'From the page')
  const [to] = joined.members.filter(person => person.name === 'Bob')
  await Cleo.emitWithAck('direct', { to: to.id, text: 'psst' })
  await Bob.reads('Ada 2 (to you alone): psst')

  Ada.leaves()
  assert.deepEqual(await Ada.ends(), { status: 0, complaints: '' })
  await Bob.reads('* Ada left')
  Bob.leaves()
  assert.deepEqual(await Bob.ends(), { status: 0, complaints: '' })
  assert.deepEqual([...page.heard.rest('said'), ...Cleo.heard.rest('said')], [], 'each was heard once')
})

test('a terminal whose lines are there before it is in says them all, then ends', { timeout: 30_000 }, async () => {
  const Ada = open(`${host.url}chat`, { ...ways.websocket, auth: { name: 'Ada' } })
  await Ada.emitWithAck('join', { room: 'cellar' })
  const Bob = terminal('Bob', 'cellar', host.url)
  Bob.says('One.')
  Bob.says('Two.')
  Bob.leaves()
  for (const text of ['One.', 'Two.']) assert.equal((await Ada.heard.next('said'))[0].text, text)
  await Bob.reads('* 2 in cellar: Ada, Bob')
  assert.deepEqual(await Bob.ends(), { status: 0, complaints: '' })

  // Nor does one fail that has nothing to say.
  const Cleo = terminal('Cleo', 'cellar', host.url)
  Cleo.leaves()
  assert.deepEqual(await Cleo.ends(), { status: 0, complaints: '' })
})

test('who has no name for the guard is refused', { timeout: 30_000 }, async () => {
  const { status, complaints } = await terminal('x'.repeat(33), 'lobby', host.url).ends()
  assert.equal(status, 1)
  assert.match(complaints, /1 to 32 characters/)
  const nobody = open(`${host.url}garden`, ways.websocket)
  assert.match((await nobody.heard.next('connect_error'))[0].message, /1 to 32 characters/)
})

test('rooms with a history are 128 at most, and one that is empty makes room for another', { timeout: 60_000 }, async () => {
  const house = standalone()
  await house.start()
  after(() => house.stop())
  const enter = async (namespace, name) => {
    const client = await openWebSocket(`${house.url}${namespace}?name=${name}`)
    await client.heard.next('welcome')
    return async (event, room, text) => (await client.ask({ event, data: { room, text } })).data
  }
  const Ada = await enter('chat', 'Ada')
  await Ada('join', 'attic')
  await Ada('say', 'attic', 'Remember me.')
  await Ada('leave', 'attic')
  const remembered = async () => (await Ada('join', 'attic')).history.map(message => message.text)

  // With the attic, as many rooms as there may be; half of them are in the other namespace.
  let last
  for (let index = 0; index < 127; index++) {
    if (index % 16 === 0) last = await enter(index % 32 ? 'garden' : 'chat', `Guest ${index}`)
    assert.deepEqual((await last('join', `room ${index}`)).history, [])
  }
  assert.deepEqual(await remembered(), ['Remember me.'], 'an empty room keeps its history while there is place')
  await Ada('leave', 'attic')
  assert.equal((await last('join', 'one more')).count, 1, 'it takes the place of the attic')
  assert.deepEqual(await last('join', 'far too many'), { error: 'You are in 16 rooms. Leave one first.' })
  assert.deepEqual(await Ada('join', 'attic'), { error: 'There are too many rooms. Join one of them.' })
  await last('leave', 'one more')
  assert.deepEqual(await remembered(), [], 'a new attic')
})

test('counts of rooms are told to all in the namespace, whoever comes and goes', { timeout: 30_000 }, async () => {
  const Ada = await openWebSocket(`${host.url}garden?name=Ada`)
  await Ada.heard.next('welcome')
  const Bob = open(`${host.url}garden`, { ...ways.websocket, auth: { name: 'Bob' } })
  await Bob.emitWithAck('join', { room: 'pond' })
  const told = async () => (await Ada.heard.next('rooms'))[0].data.rooms
  assert.deepEqual(await told(), [{ room: 'pond', count: 1 }])
  Bob.disconnect()
  assert.deepEqual(await told(), [])
})
