// Socket.IO's own server under load, at its fastest: WebSocket only, no compression. `node socketio.mjs PORT`
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  maxHttpBufferSize: 4 << 20,
  serveClient: false,
});
io.on("connection", (socket) => {
  let room;
  socket.on("echo", (text) => socket.emit("echo", text));
  socket.on("join", (name) => {
    if (room) socket.leave(room);
    room = name;
    socket.join(room);
    socket.emit("joined", room);
  });
  socket.on("msg", (text) => room && io.to(room).emit("msg", text));
});
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
