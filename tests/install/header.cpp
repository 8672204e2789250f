// What salon.hpp promises that a chat does not show: errors, moves, ranges left early, JSON, remotes.
#include <salon.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <type_traits>

static_assert(!std::is_copy_constructible_v<salon::Server> && std::is_nothrow_move_constructible_v<salon::Server>);
static_assert(!std::is_copy_constructible_v<salon::Remote> && std::is_nothrow_move_constructible_v<salon::Remote>);
static_assert(std::is_trivially_copyable_v<salon::Socket> && std::is_trivially_copyable_v<salon::Event>);

#define CHECK(what) (what ? void() : (std::fprintf(stderr, "line %d: %s\n", __LINE__, #what), std::exit(1)))

template <class Call> static int code_of(Call call) {
    try {
        call();
    } catch (const salon::Error &error) {
        CHECK(error.what()[0] != '\0');
        return error.code();
    }
    return 0;
}

int main() {
    using namespace std::string_view_literals;

    // JSON: texts of any length, and what is no text.
    const std::string shout(5000, '"');
    CHECK(salon::json::text(salon::json::quote(shout)) == shout);
    CHECK(salon::json::bind(R"([{"a":?,"b":#}])", "x", "[1]") == R"([{"a":"x","b":[1]}])");
    CHECK(salon::json::get(R"([{"a":7}])", "/0/a") == "7"sv);
    CHECK(!salon::json::get("[]", "/0"));
    CHECK(salon::json::number("-1.5") == -1.5);
    CHECK(code_of([] { salon::json::text("7"); }) == SALON_ERR_INVALID);
    CHECK(code_of([] { salon::json::bind("[?]"); }) == SALON_ERR_INVALID);

    CHECK(salon::version() == salon_version());
    salon::Config config;
    config.flags = SALON_CONFIG_ROOM_EVENTS;
    salon::Server first(config);
    CHECK(first.listen("127.0.0.1:0") != 0);
    CHECK(code_of([&] { first.listen("nowhere"); }) < 0);
    CHECK(code_of([&] { first.open("/a\0b"sv); }) == SALON_ERR_INVALID);
    CHECK(code_of([&] { first.close("/none"); }) == SALON_ERR_NOT_FOUND);
    CHECK(code_of([&] { first.socket(0).join("room"); }) == SALON_ERR_NOT_FOUND);
    CHECK(code_of([&] { first.to("/").emit("x", "no JSON"); }) == SALON_ERR_INVALID);
    CHECK(first.to("/").room("nobody").except({}).emit("x", "[1]") == 0);
    CHECK(first.to("/").sockets().empty());
    first.open("/" + std::string(200, 'n'));
    CHECK(first.count("/") == 0);

    // What was made before a move is good after it.
    salon::Gateway gateway(first);
    salon::Remote remote = first.remote();
    salon::Server server = std::move(first);
    CHECK(code_of([&] { first.poll(0); }) == SALON_ERR_INVALID);
    CHECK(code_of([&] { first.fd(); }) == SALON_ERR_INVALID);
    CHECK(code_of([&] { first.timeout_ms(); }) == SALON_ERR_INVALID);
    int inits = 0;
    gateway.on_init([&](salon::ServerRef ref) { inits += ref.raw() == server.raw(); });
    gateway.on("/made", "x", [](salon::Call &) {});
    CHECK(server.count("/made") == 0);

    // Posts of another thread come in order, and a loop that is left early loses none.
    std::thread([&] {
        for (std::uint64_t tag = 1; tag <= 3; ++tag)
            remote.post(tag, "word");
        remote.to("/").room("x").emit("said", "[1]");
    }).join();
    std::uint64_t last = 0;
    while (last < 3)
        for (const salon::Event &event : server.poll(1000)) {
            CHECK(event.type() == SALON_EVENT_POST && event.tag() == last + 1 && event.data() == "word");
            CHECK(!gateway.handle(event));
            last = event.tag();
            break;
        }
    CHECK(inits == 1);

    server.start_timer(std::chrono::milliseconds(1), 42);
    bool fired = false;
    gateway.run([&](const salon::Event &event) {
        if (event.type() == SALON_EVENT_TIMER) {
            fired = event.tag() == 42;
            remote.shutdown();
        }
    });
    CHECK(fired);
    {
        const salon::Server gone = std::move(server);
    }
    CHECK(!remote.wake());
    CHECK(code_of([&] { remote.post(1); }) == SALON_ERR_CLOSED);
    std::puts("the C++ header keeps its promises");
}
