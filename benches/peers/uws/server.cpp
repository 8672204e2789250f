// uWebSockets under load: /echo sends back, /room publishes through its topic
// tree, which is its best way. `uws PORT`
#include <cstdlib>
#include <string>

#include "App.h"

struct Client {
    std::string room;
};

template <typename OnMessage>
uWS::App::WebSocketBehavior<Client> behavior(OnMessage on_message) {
    uWS::App::WebSocketBehavior<Client> behavior;
    behavior.maxPayloadLength = 4 << 20;
    behavior.maxBackpressure = 64 << 20;
    behavior.message = on_message;
    return behavior;
}

int main(int argc, char **argv) {
    uWS::App app;
    app.ws<Client>("/echo", behavior([](auto *ws, std::string_view message, uWS::OpCode opcode) {
        ws->send(message, opcode);
    }));
    app.ws<Client>("/room", behavior([&app](auto *ws, std::string_view message, uWS::OpCode opcode) {
        Client *client = ws->getUserData();
        if (message.starts_with("j:")) {
            if (!client->room.empty())
                ws->unsubscribe(client->room);
            client->room = message.substr(2);
            ws->subscribe(client->room);
            ws->send(message, opcode);
        } else {
            app.publish(client->room, message, opcode);
        }
    }));
    app.listen("127.0.0.1", argc > 1 ? atoi(argv[1]) : 9001, [](auto *listening) {
        if (listening == nullptr)
            exit(1);
    });
    app.run();
}
