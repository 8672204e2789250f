// Chats in the terminal, through Socket.IO, with whoever is in the standalone example: pages, programs, other terminals.
//
//     cargo run --release --example standalone          # in one terminal: the server
//     cd examples/node && npm install                   # in another: socket.io-client, once
//     node chat.mjs Ada lobby                           # name, room; then write lines, Ctrl+D ends
//
// A third argument is the address, http://127.0.0.1:3000 unless given. What the events carry is told in
// examples/standalone/protocol.md.
import { createInterface } from 'node:readline'
import { io } from 'socket.io-client'

const [name, room, address = 'http://127.0.0.1:3000'] = process.argv.slice(2)
if (!name || !room) {
  console.error('Usage: node chat.mjs NAME ROOM [ADDRESS]')
  process.exit(2)
}

// The path of the URL is the namespace. `auth` is what the server's guard sees: it decides before anything is said.
// The client begins with long polling and moves to a WebSocket where it can; both sides see one conversation.
const socket = io(new URL('/chat', address).href, { auth: { name } })

// After `connect` we are in. It comes again after each time the connection was lost, and the server then takes us for
// somebody new, so this is the place for everything that it should know.
let come
const inside = new Promise(resolve => { come = resolve })
socket.on('connect', async () => {
  // An ack is a promise: the server answers this one event, or the connection is lost, and then `connect` comes again.
  const joined = await socket.emitWithAck('join', { room }).catch(() => null)
  if (!joined) return
  if (joined.error) return end(joined.error)
  console.log(`* ${joined.count} in ${room}: ${joined.members.map(person => person.name).join(', ')}`)
  for (const message of joined.history) show(message)
  come()
})

// The guard said no: there was no name, or a bad one. Or there is no server, and then the client goes on trying.
socket.on('connect_error', error => socket.active ? console.log(`* ${error.message}, trying again`) : end(error.message))
socket.on('disconnect', reason => console.log(`* disconnected: ${reason}`))

// What others do. Each event carries one object.
const show = message => console.log(`${message.from.name}: ${message.text}`)
socket.on('said', show)
socket.on('direct', message => console.log(`${message.from.name} (to you alone): ${message.text}`))
socket.on('joined', ({ person }) => console.log(`* ${person.name} came in`))
socket.on('left', ({ person }) => console.log(`* ${person.name} left`))

// What we say. The answer is the message as all others get it, or an error; no answer for five seconds is an error, too.
const lines = createInterface({ input: process.stdin })
for await (const text of lines) {
  if (!text.trim()) continue
  await inside
  const message = await socket.timeout(5_000).emitWithAck('say', { room, text }).catch(error => ({ error: error.message }))
  if (message.error) console.log(`* not said: ${message.error}`)
}
end()

function end(problem) {
  if (problem) {
    console.error(problem)
    process.exit(1)
  }
  socket.disconnect()
  process.stdin.destroy()
}
