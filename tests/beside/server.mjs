// The Node server with the application of examples/beside.rs: `node server.mjs MODE` prints where it listens.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const modes = {
  plain: {},
  fast: { pingInterval: 900, pingTimeout: 600, connectTimeout: 1500, upgradeTimeout: 500 },
  recovery: { connectionStateRecovery: {} },
  all: { cors: { origin: '*' } },
  one: { cors: { origin: 'https://a.example' } },
  list: { cors: { origin: ['https://a.example', 'https://b.example'], credentials: true } },
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  stay: { allowUpgrades: false },
}

const http = createServer((_, response) => {
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 Not Found\n')
})
const io = new Server(http, modes[process.argv[2] ?? 'plain'])

function application(socket) {
  socket.emit('auth', socket.handshake.auth)
  socket.on('message', (...args) => socket.emit('message-back', ...args.filter(arg => typeof arg !== 'function')))
  socket.on('echo', (...args) => args.pop()(...args))
  socket.on('join', room => socket.join(room))
  socket.on('leave', room => socket.leave(room))
  socket.on('say', (room, text) => socket.to(room).emit('said', text))
  socket.on('all', text => socket.nsp.emit('said', text))
  socket.on('kick', () => socket.disconnect())
  socket.on('kick-all', () => socket.disconnect(true))
  socket.on('burst', count => {
    for (let number = 0; number < count; number++) socket.emit('n', number)
  })
  socket.on('ask', (...args) => socket.emit('question', ...args, (...answer) => socket.emit('answer', ...answer)))
  socket.on('bye', () => io.close())
}

for (const name of ['/', '/custom', '/guarded', /^\/dyn-/]) io.of(name).on('connection', application)
io.of('/guarded').use((socket, next) => {
  const { token, why } = socket.handshake.auth
  if (token === 'letmein') return next()
  const error = new Error('not authorized')
  if (why !== undefined) error.data = { why }
  next(error)
})
http.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${http.address().port}/`))
