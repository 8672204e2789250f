// A room in which all dialects meet: two of `socket.io-client` (one by polling), a JSON WebSocket and a raw one. What
// each says reaches the others once, in the form that is theirs.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { example, open, openWebSocket, ways } from './client.mjs'

const host = example('socketio')
const auth = { token: 'sesame' }
const bytes = Buffer.from([0, 1, 2, 253, 254, 255])
const hole = { _placeholder: true, num: 0 }
let polling, websocket, json, raw

before(() => host.start())
after(() => host.stop())

function meet(name, what) {
  test(name, { timeout: 30_000 }, async () => {
    polling = open(`${host.url}guarded`, { ...ways.polling, auth })
    websocket = open(`${host.url}guarded`, { ...ways.websocket, auth })
    await Promise.all([polling, websocket].map(one => one.heard.next('connect')))
    json = await openWebSocket(`${host.url}guarded?token=sesame`)
    const [welcome] = await json.heard.next('connect')
    assert.equal(typeof welcome.data.sid, 'string')
    raw = await openWebSocket(`${host.url}guarded?token=sesame&dialect=raw`, { raw: true })
    await what()
    await nobodyHearsMore()
  })
}

async function nobodyHearsMore() {
  // Whatever was said before this has arrived before this.
  websocket.emit('say', 'end')
  await Promise.all([polling, json].map(one => one.heard.next('said')))
  assert.deepEqual(await raw.heard.next('message'), ['["said","end"]'])
  await websocket.emitWithAck('echo')
  for (const one of [polling, websocket, json, raw]) {
    for (const event of ['said', 'message', 'question']) assert.deepEqual(one.heard.rest(event), [])
  }
}

/** What the raw client hears: texts as they are, messages in JSON as values, bytes as bytes. */
const rawHears = async count => (await raw.heard.nexts('message', count)).flat()
const heard = (socket, event) => socket.heard.next(event)

meet('text from each reaches all others', async () => {
  for (const speaker of [polling, websocket]) {
    speaker.emit('say', 'Grüße', { from: 'Socket.IO' })
    const other = speaker === polling ? websocket : polling
    assert.deepEqual(await heard(other, 'said'), ['Grüße', { from: 'Socket.IO' }])
    assert.deepEqual(await heard(json, 'said'), [{ event: 'said', args: ['Grüße', { from: 'Socket.IO' }] }])
    assert.deepEqual(await rawHears(1), ['["said","Grüße",{"from":"Socket.IO"}]'])
  }
  json.say({ event: 'say', data: { from: 'JSON' } })
  for (const one of [polling, websocket]) assert.deepEqual(await heard(one, 'said'), [{ from: 'JSON' }])
  assert.deepEqual(await rawHears(1), ['["said",{"from":"JSON"}]'])
  raw.send('any text: {"not": "parsed"')
  for (const one of [polling, websocket]) assert.deepEqual(await heard(one, 'message'), ['any text: {"not": "parsed"'])
  assert.deepEqual(await heard(json, 'message'), [{ event: 'message', data: 'any text: {"not": "parsed"' }])
})

meet('bytes from each reach all others', async () => {
  for (const speaker of [polling, websocket]) {
    speaker.emit('say', 'picture', { bytes })
    const other = speaker === polling ? websocket : polling
    assert.deepEqual(await heard(other, 'said'), ['picture', { bytes }])
    const attachments = [bytes.toString('base64')]
    assert.deepEqual(await heard(json, 'said'), [{ event: 'said', args: ['picture', { bytes: hole }], attachments }])
    const [text, attachment] = await rawHears(2)
    assert.deepEqual(JSON.parse(text), ['said', 'picture', { bytes: hole }])
    assert.deepEqual(attachment, bytes)
  }
  json.say({ event: 'say', data: { bytes: hole }, attachments: [bytes.toString('base64')] })
  for (const one of [polling, websocket]) assert.deepEqual(await heard(one, 'said'), [{ bytes }])
  const [text, attachment] = await rawHears(2)
  assert.deepEqual([JSON.parse(text), attachment], [['said', { bytes: hole }], bytes])
  raw.send(bytes)
  for (const one of [polling, websocket]) assert.deepEqual(await heard(one, 'message'), [bytes])
  const attachments = [bytes.toString('base64')]
  assert.deepEqual(await heard(json, 'message'), [{ event: 'message', data: hole, attachments }])
})

meet('questions of each are answered by the others', async () => {
  polling.on('question', (what, answer) => answer('polling', what))
  websocket.on('question', (what, answer) => answer('websocket', { bytes }))
  const jsonAnswers = async () => {
    const [{ event, data, id }] = await heard(json, 'question')
    assert.deepEqual([event, data], ['question', 'who?'])
    json.say({ ack: id, data: 'json' })
  }
  const sorted = answers => answers.map(([who]) => who).sort()
  for (const asker of [polling, websocket]) {
    const asked = new Promise(resolve => asker.emit('ask-all', 'who?', (...all) => resolve(all)))
    await jsonAnswers()
    const [answers, answered, of] = await asked
    assert.deepEqual(sorted(answers), ['json', asker === polling ? 'websocket' : 'polling'])
    // The raw one hears the question and cannot answer.
    assert.deepEqual([answered, of], [2, 3])
    assert.deepEqual(await rawHears(1), ['["question","who?"]'])
    await heard(asker === polling ? websocket : polling, 'question')
  }
  const { args: [answers, answered, of] } = await json.ask({ event: 'ask-all', data: 'who?' })
  assert.deepEqual(sorted(answers), ['polling', 'websocket'])
  assert.deepEqual([answered, of], [2, 3])
  assert.deepEqual(await rawHears(1), ['["question","who?"]'])
  for (const one of [polling, websocket]) await heard(one, 'question')
  assert.deepEqual(await json.ask({ event: 'echo', args: [] }), { ack: 2 })
})

meet('what each says in a burst arrives in its order', async () => {
  const count = 100
  const texts = from => Array.from({ length: count }, (_, number) => `${from} ${number}`)
  for (let number = 0; number < count; number++) {
    polling.emit('say', `polling ${number}`)
    websocket.emit('say', `websocket ${number}`)
    json.say({ event: 'say', data: `json ${number}` })
    raw.send(`raw ${number}`)
  }
  const check = (all, ...speakers) => {
    assert.equal(all.length, count * speakers.length)
    for (const from of speakers) assert.deepEqual(all.filter(text => text.startsWith(`${from} `)), texts(from))
  }
  check((await polling.heard.nexts('said', 2 * count)).flat(), 'websocket', 'json')
  check((await websocket.heard.nexts('said', 2 * count)).flat(), 'polling', 'json')
  check((await json.heard.nexts('said', 2 * count)).map(([{ data }]) => data), 'polling', 'websocket')
  check((await rawHears(3 * count)).map(text => JSON.parse(text)[1]), 'polling', 'websocket', 'json')
  for (const one of [polling, websocket]) check((await one.heard.nexts('message', count)).flat(), 'raw')
  check((await json.heard.nexts('message', count)).map(([{ data }]) => data), 'raw')
})

meet('who leaves hears no more, and who stays does', async () => {
  const gone = open(`${host.url}guarded`, { ...ways.polling, auth })
  await gone.heard.next('connect')
  gone.disconnect()
  raw.send('still here')
  for (const one of [polling, websocket]) assert.deepEqual(await heard(one, 'message'), ['still here'])
  assert.equal((await heard(json, 'message'))[0].data, 'still here')
  assert.deepEqual(gone.heard.rest('message'), [])
})
