//! The application of `tests/beside/server.mjs`, which is its twin for the Node
//! server: the same exchanges are played against both. `beside MODE` prints
//! where it listens.

#![allow(clippy::print_stdout)]

use salon::{
    Accept, AckId, Config, Event, Events, Limits, Namespace, Origins, Payload, Recovery, Server, SocketId,
    SocketIo,
};
use serde_json::Value;

fn main() -> salon::Result<()> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let mut server = Server::bind("127.0.0.1:0", config(&mode))?;
    server.open("/custom", Namespace::default())?;
    server.open("/guarded", Namespace::default().guarded())?;
    server.open_pattern("/dyn-", Namespace::default())?;
    for address in server.addresses() {
        println!("listening on http://{address}/");
    }
    let mut events = Events::default();
    loop {
        server.poll(&mut events, None)?;
        for event in &events {
            match event {
                Event::ConnectRequest { socket, auth, .. } => guard(&mut server, socket, auth)?,
                Event::Connect { socket, auth, .. } => {
                    server.emit(socket, "auth", format!("[{auth}]"))?;
                }
                Event::Message { socket, nsp, name, args, attachments, ack } => {
                    let attachments: Vec<&[u8]> = attachments.iter().collect();
                    let payload = Payload::new(args, &attachments);
                    hear(&mut server, (socket, nsp), name, args, payload, ack)?;
                }
                Event::Ack { socket, answer: Ok(answer), .. } => {
                    let attachments: Vec<&[u8]> = answer.attachments.iter().collect();
                    server.emit(socket, "answer", Payload::new(answer.args, &attachments))?;
                }
                Event::Stopped => return Ok(()),
                _ => {}
            }
        }
    }
}

fn config(mode: &str) -> Config {
    let (mut config, mut socketio) = (Config::default(), SocketIo::default());
    match mode {
        "fast" => {
            config.limits = Limits {
                ping_interval_ms: 900,
                ping_timeout_ms: 600,
                connect_timeout_ms: 1_500,
                upgrade_timeout_ms: 500,
                ..Limits::default()
            }
        }
        "recovery" => socketio.recovery = Some(Recovery::default()),
        "all" => config.origins = Origins::All,
        "one" => config.origins = Origins::List(vec!["https://a.example".into()]),
        "list" => {
            config.origins = Origins::List(vec!["https://a.example".into(), "https://b.example".into()]);
            config.credentials = true;
        }
        "polling" => socketio.websocket = false,
        "websocket" => socketio.polling = false,
        "stay" => socketio.upgrade = false,
        _ => {}
    }
    Config { socketio: Some(socketio), ..config }
}

fn guard(server: &mut Server, socket: SocketId, auth: &str) -> salon::Result<()> {
    let auth: Value = serde_json::from_str(auth).unwrap_or_default();
    match (&auth["token"], &auth["why"]) {
        (Value::String(token), _) if token == "letmein" => server.accept(socket, Accept::default()),
        (_, Value::Null) => server.reject(socket, 401, "not authorized"),
        (_, why) => server.reject_with(socket, 401, "not authorized", &format!("{{\"why\":{why}}}")),
    }
}

fn hear(
    server: &mut Server,
    (socket, nsp): (SocketId, &str),
    name: &str,
    args: &str,
    payload: Payload<'_>,
    ack: Option<AckId>,
) -> salon::Result<()> {
    let values: Value = serde_json::from_str(args).unwrap_or_default();
    let (room, text) = (values[0].as_str().unwrap_or_default(), &values[1]);
    match name {
        "message" => drop(server.emit(socket, "message-back", payload)?),
        "echo" => ack.map_or(Ok(()), |ack| server.ack(ack, payload))?,
        "join" => server.join(socket, room)?,
        "leave" => server.leave(socket, room)?,
        "say" => drop(server.to(nsp).room(room).except(socket).emit("said", format!("[{text}]"))?),
        "all" => drop(server.to(nsp).emit("said", args)?),
        "kick" => server.disconnect(socket)?,
        "kick-all" => server.disconnect_client(socket)?,
        "burst" => {
            for number in 0..values[0].as_u64().unwrap_or_default() {
                server.emit(socket, "n", format!("[{number}]"))?;
            }
        }
        "ask" => drop(server.ask(socket, "question", payload, std::time::Duration::from_secs(10))?),
        "bye" => server.shutdown(),
        _ => {}
    }
    Ok(())
}
