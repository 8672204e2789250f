/// What the C++ tests share: a server with a real listener, and its clients, all on the test's own thread. Whoever
/// waits for something turns the server's loop meanwhile.
#ifndef SALON_TEST_HOUSE_HPP
#define SALON_TEST_HOUSE_HPP

#include <salon.hpp>

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "client.h"

#define CHECK(what) ((what) ? void() : fail(__FILE__, __LINE__, #what))

/// That a text is this one, or holds this part.
#define SAME(got, wanted) same(__FILE__, __LINE__, got, wanted)
#define HAS(got, part) has(__FILE__, __LINE__, got, part)

[[noreturn]] inline void fail(const char *file, int line, const std::string &what) {
    std::fprintf(stderr, "%s:%d: %s; %s\n", file, line, what.c_str(), salon_last_error());
    std::exit(1);
}

inline void same(const char *file, int line, const std::string &got, std::string_view wanted) {
    if (got != wanted)
        fail(file, line, got + ", not " + std::string(wanted));
}

inline void has(const char *file, int line, const std::string &got, std::string_view part) {
    if (got.find(part) == std::string::npos)
        fail(file, line, "no " + std::string(part) + " in " + got);
}

/// The code of what a call throws, or zero.
template <class Call> int code_of(Call call) {
    try {
        call();
    } catch (const salon::Error &error) {
        CHECK(error.what()[0] != '\0' && error.name()[0] != '\0');
        return error.code();
    }
    return 0;
}

/// A copy of an event, to be looked at after its turn.
struct Seen {
    explicit Seen(const salon::Event &event)
        : type(event.type()), code(event.code()), flags(event.flags()), socket(event.socket()), ack(event.ack()),
          tag(event.tag()), user(event.user()), nsp(event.nsp()), name(event.name()), data(event.data()) {
        for (std::size_t at = 0; at < event.attachment_count(); ++at)
            attachments.emplace_back(event.attachment(at));
    }

    std::uint32_t type;
    std::int32_t code;
    std::uint32_t flags;
    salon::Socket socket;
    std::uint64_t ack, tag;
    void *user;
    std::string nsp, name, data;
    std::vector<std::string> attachments;
};

/// The defaults, with SALON_CONFIG_* bits.
inline salon::Config with_flags(std::uint32_t flags) {
    salon::Config config;
    config.flags = flags;
    return config;
}

class House {
public:
    explicit House(const salon::Config &config = salon::Config())
        : server(config), port(server.listen("127.0.0.1:0")) {}

    salon::Server server;
    std::uint16_t port;
    /// Who gets the events first; those that it does not want are kept for wait().
    std::function<bool(const salon::Event &)> handle;
    std::deque<Seen> seen;

    void turn() {
        for (const salon::Event &event : server.poll(5))
            if (!handle || !handle(event))
                seen.emplace_back(event);
    }

    template <class Done> void until(Done done) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!done()) {
            CHECK(std::chrono::steady_clock::now() < end);
            turn();
        }
    }

    /// The first event of a type; those before it are kept.
    Seen wait(salon_event_type type) {
        std::optional<Seen> found;
        until([&] {
            for (auto at = seen.begin(); at != seen.end() && !found; ++at)
                if (at->type == type) {
                    found = std::move(*at);
                    seen.erase(at);
                    break;
                }
            return found.has_value();
        });
        return *found;
    }
};

/// A client that is let go at its end without a goodbye.
class Client {
public:
    /// A plain WebSocket asks to enter: namespace and query.
    Client(House &house, const std::string &path) : house_(&house), raw_(client_new(house.port, path.c_str())) {}

    /// One that says what is given, as it is.
    static Client raw(House &house, const std::string &said) {
        return Client(house, client_raw(house.port, said.data(), said.size()));
    }

    /// A Socket.IO client over WebSocket, which asks to enter a namespace.
    static Client socketio(House &house, const std::string &nsp, const std::string &auth = "") {
        Client client(house, "/socket.io/?EIO=4&transport=websocket");
        CHECK(client.hear().front() == '0');
        client.say("40" + (nsp == "/" ? "" : nsp + ",") + auth);
        return client;
    }

    void say(const std::string &text) { client_say(raw_.get(), text.c_str()); }
    void say_binary(std::string_view data) { client_frame(raw_.get(), 2, data.data(), data.size()); }

    /// The status of the answer to its handshake.
    int status() {
        int status = 0;
        house_->until([&] { return (status = client_status(raw_.get())) != 0; });
        return status;
    }

    /// The next message; a close is `close 4000 why`, or `close` if it gives no code.
    std::string hear() {
        char text[4096];
        int opcode = -1;
        std::size_t len = 0;
        house_->until([&] { return (opcode = client_hear(raw_.get(), text, sizeof text, &len)) >= 0; });
        std::string heard(text, len);
        if (opcode != 8)
            return heard;
        if (len < 2)
            return "close";
        const int code = static_cast<unsigned char>(heard[0]) << 8 | static_cast<unsigned char>(heard[1]);
        return "close " + std::to_string(code) + (len > 2 ? " " + heard.substr(2) : "");
    }

    /// The answer to a request: head and body.
    std::string response() {
        std::string got;
        house_->until([&] {
            client_receive(raw_.get());
            got.assign(raw_->bytes, raw_->len);
            const auto head = got.find("\r\n\r\n"), length = got.find("ontent-Length: ");
            return head != std::string::npos && length != std::string::npos
                && got.size() >= head + 4 + std::stoul(got.substr(length + 15));
        });
        return got;
    }

    /// Has the server let it in?
    bool is_open() const { return raw_->open; }

    /// Ends its connection without a goodbye.
    void leave() { raw_.reset(); }

private:
    struct Free {
        void operator()(client *raw) const noexcept { client_free(raw); }
    };
    Client(House &house, client *raw) : house_(&house), raw_(raw) {}

    House *house_;
    std::unique_ptr<client, Free> raw_;
};

#endif
