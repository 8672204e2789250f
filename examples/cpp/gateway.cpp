// A chat with rooms as a gateway: a handler for each event, a guard at the door, and errors that reach the client.
//
//     gateway --listen 127.0.0.1:3000
//
// Then, in a browser's console (Socket.IO clients work just as well, in the same rooms):
//
//     const socket = new WebSocket("ws://127.0.0.1:3000/chat?name=Ada");
//     socket.onmessage = (message) => console.log(message.data);
//     socket.send('{"event":"enter","data":{"room":"tea"},"id":1}');
//     socket.send('{"event":"say","data":{"text":"Good evening"},"id":2}');

#include <salon.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

// What this program knows of a person. The engine keeps a pointer to it with the socket, and hands it out with each
// event of that socket: no table to look it up in.
struct Person {
    std::string name;
    std::string room;
};

// Somebody is told to somebody else. `bind` puts texts into JSON safely, whatever they hold.
std::string said(const Person &person, std::string_view text) {
    return salon::json::bind(R"([{"from":?,"text":?}])", person.name, text);
}

int serve(std::string_view address) {
    salon::Server server;
    salon::Gateway gateway(server);

    // Who owns the people: they live from the guard's yes to the disconnect.
    std::map<salon_socket_id, std::unique_ptr<Person>> people;

    // 1. A guard decides who comes in, before anything is sent to them. Whatever it gives back besides true is a no:
    //    `false`, a reason, or a reason with an HTTP status. A Socket.IO client gives its name as
    //    `auth: { name: "Ada" }`, a plain WebSocket as a query parameter.
    gateway.guard("/chat", [&](salon::Call &call) -> salon::Verdict {
        std::string name;
        if (const auto query = call.socket().query("name"))
            name = *query;
        else if (call.get("/name"))
            name = call.text("/name");
        if (name.empty())
            return "who are you?";
        for (const auto &[id, person] : people)
            if (person->name == name)
                return {name + " is here already", 409};
        auto &person = people[call.socket().id()] = std::make_unique<Person>(Person{name, "lobby"});
        // In with the pointer and a room at once: no event of theirs can come before it.
        return salon::Admission{person.get(), {"lobby"}};
    });

    // 2. Hooks for those who come and go.
    gateway.on_connect("/chat", [](salon::Call &call) {
        const Person &person = *call.user<Person>();
        call.emit("welcome", salon::json::bind("[?]", person.name));
        call.to().room(person.room).except(call.socket()).emit("came", salon::json::bind("[?]", person.name));
    });
    gateway.on_disconnect("/chat", [&](salon::Call &call) {
        // A client that left while it waited for its guard's answer is gone, too, so look before you use.
        if (const Person *person = call.user<Person>())
            call.to().room(person->room).emit("left", salon::json::bind("[?]", person->name));
        people.erase(call.socket().id());
    });

    // 3. Handlers. What they give back is the ack, for clients that ask for one.
    gateway.on("/chat", "say", [](salon::Call &call) -> std::optional<std::string> {
        const Person &person = *call.user<Person>();
        // text() throws if the client sent something else; the client is told what is expected.
        const std::string text = call.text("/0/text");
        if (text.empty())
            throw salon::Exception("say something");
        const int heard = call.to().room(person.room).except(call.socket()).emit("said", said(person, text));
        return R"({"heard":)" + std::to_string(heard) + "}";
    });
    gateway.on("/chat", "enter", [](salon::Call &call) {
        Person &person = *call.user<Person>();
        const std::string room = call.text("/0/room");
        call.socket().join(room);
        if (person.room != room)
            call.socket().leave(person.room);
        person.room = room;
        return salon::json::bind(R"({"room":?})", room);
    });
    // A Reply is an event of its own, for clients that ask without an ack.
    gateway.on("/chat", "who", [](salon::Call &call) {
        std::string names;
        for (const salon::Socket &socket : call.to().room(call.user<Person>()->room).sockets())
            names += (names.empty() ? "" : ",") + salon::json::quote(socket.user<Person>()->name);
        return salon::Reply{"here", "[[" + names + "]]"};
    });
    // Nothing given back: no ack.
    gateway.on("/chat", "typing", [](salon::Call &call) {
        const Person &person = *call.user<Person>();
        call.to().room(person.room).except(call.socket()).emit("typing", salon::json::bind("[?]", person.name));
    });

    // 4. A guard for one event. A no reaches the client as an exception.
    gateway.guard("/chat", "close", [](salon::Call &call) { return call.user<Person>()->name == "host"; });
    gateway.on("/chat", "close", [](salon::Call &call) { call.server().shutdown(std::chrono::seconds(1)); });

    // 5. The filter makes of what was thrown the JSON that the client reads: its ack's argument if it asked for one,
    //    else that of the event `exception`. The default tells the text of a salon::Exception and hides all else from
    //    the client; here, the host reads it too.
    gateway.filter([](salon::Call &call, std::exception_ptr thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (const salon::Exception &) {
        } catch (const std::exception &fault) {
            const std::string name(call.name());
            std::fprintf(stderr, "%s: %s\n", name.c_str(), fault.what());
        }
        return salon::Gateway::default_filter(call, thrown);
    });
    gateway.on("/chat", "fault", [](salon::Call &) { throw std::runtime_error("a secret of the host's"); });

    const std::uint16_t port = server.listen(address);
    std::printf("listening on ws://127.0.0.1:%u/chat\n", static_cast<unsigned>(port));
    std::fflush(stdout);

    // 6. Polls and handles until somebody shuts the server down. A program with a loop of its own calls
    //    `for (const salon::Event &event : server.poll(0)) gateway.handle(event);` when server.fd() is readable.
    gateway.run();
    return 0;
}

} // namespace

int main(int argc, char **argv) {
    std::string_view address = "127.0.0.1:3000";
    for (int at = 1; at + 1 < argc; ++at)
        if (std::string_view(argv[at]) == "--listen")
            address = argv[at + 1];
    try {
        return serve(address);
    } catch (const salon::Error &error) {
        std::fprintf(stderr, "gateway: %s: %s\n", error.name(), error.what());
        return 1;
    }
}
