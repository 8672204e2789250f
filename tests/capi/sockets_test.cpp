// What salon.hpp puts before the C API: sockets, audiences, the server, HTTP, timers, remotes, moves. The gateway has
// gateway_test.cpp, and what needs no client tests/install/header.cpp.
#include "house.hpp"

#include <poll.h>

#include <algorithm>
#include <thread>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

/// A client of the JSON dialect that has heard its greeting, and its socket.
static std::pair<Client, salon::Socket> guest(House &house, const std::string &path) {
    Client client(house, path);
    const salon::Socket socket = house.wait(SALON_EVENT_CONNECT).socket;
    HAS(client.hear(), R"({"event":"connect")");
    return {std::move(client), socket};
}

/// Has a client answer a question that it has just heard.
static void answer(Client &client, const std::string &data) {
    const std::string heard = client.hear();
    HAS(heard, R"("event":"question")");
    const auto id = salon::json::get(heard, "/id");
    CHECK(id);
    client.say(R"({"ack":)" + std::string(*id) + R"(,"data":)" + data + "}");
}

static void what_is_known_of_a_socket() {
    House house(with_flags(SALON_CONFIG_KEEP_HANDSHAKES));
    auto [client, socket] = guest(house, "/?name=%C3%84nn&empty=");
    CHECK(socket && socket.id() != 0 && !salon::Socket());
    CHECK(socket == house.server.socket(socket.id()) && socket != salon::Socket() && salon::Socket() < socket);
    CHECK(socket.header("X-TEST") == "yes"sv && !socket.header("x-none"));
    CHECK(socket.query("name") == "Änn"sv && socket.query("empty") == ""sv && !socket.query("none"));
    CHECK(socket.url() == "/?name=%C3%84nn&empty="sv);
    CHECK(socket.auth() == "{}");
    const salon_socket_info info = socket.describe();
    CHECK(info.protocol == SALON_PROTOCOL_JSON && info.transport == SALON_TRANSPORT_WEBSOCKET);
    HAS(info.address, "127.0.0.1:");
    CHECK(house.server.by_sid(info.sid) == socket && !house.server.by_sid("nobody"));
    CHECK(socket.queued() == 0);

    int mark = 0;
    CHECK(socket.user() == nullptr);
    socket.set_user(&mark);
    CHECK(socket.user() == &mark && socket.user<int>() == &mark);

    CHECK(socket.rooms().empty());
    socket.join("tea");
    socket.join(std::string(200, 'r'));
    auto rooms = socket.rooms();
    std::sort(rooms.begin(), rooms.end());
    CHECK(rooms.size() == 2 && rooms[0] == std::string(200, 'r') && rooms[1] == "tea");
    socket.leave("tea");
    CHECK(socket.rooms().size() == 1);
    socket.leave_all();
    CHECK(socket.rooms().empty());
    CHECK(code_of([&, socket = socket] { socket.join("a\0b"sv); }) == SALON_ERR_INVALID);

    // Who has gone: first commands do nothing, then its number is stale.
    client.leave();
    bool gone = false;
    house.handle = [&, socket = socket](const salon::Event &event) {
        CHECK(event.type() == SALON_EVENT_DISCONNECT && event.user<int>() == &mark);
        CHECK(!socket.emit("late") && !socket.send("late") && socket.describe().protocol == 0);
        return gone = true;
    };
    house.until([&] { return gone; });
    house.handle = nullptr;
    house.turn();
    CHECK(code_of([&, socket = socket] { socket.emit("late"); }) == SALON_ERR_NOT_FOUND);
    CHECK(!socket.url());
}

static void what_a_socket_is_told() {
    House house;
    auto [client, socket] = guest(house, "/");
    CHECK(socket.emit("one", "[1]") && socket.emit("none") && socket.emit("empty", ""));
    SAME(client.hear(), R"({"event":"one","data":1})");
    SAME(client.hear(), R"({"event":"none","args":[]})");
    SAME(client.hear(), R"({"event":"empty","args":[]})");
    CHECK(socket.send("text") && socket.send("\x01"sv, 0));
    SAME(client.hear(), R"({"event":"message","data":"text"})");
    HAS(client.hear(), R"("attachments":["AQ=="])");
    CHECK(socket.send({}) && house.server.to().send({}) == 1);
    for (int at = 0; at < 2; ++at)
        SAME(client.hear(), R"({"event":"message","data":""})");
    CHECK(code_of([&, socket = socket] { socket.emit("x", "{}"); }) == SALON_ERR_INVALID);
    CHECK(code_of([&, socket = socket] { socket.emit("connect"); }) == SALON_ERR_INVALID);

    const std::uint64_t ack = socket.ask({"question", R"(["how much?"])"}, 10s);
    answer(client, "5");
    const Seen answered = house.wait(SALON_EVENT_ACK);
    CHECK(answered.ack == ack && answered.socket == socket && answered.code == SALON_OK && answered.data == "[5]");
    // No time at all is not for ever, nor is less.
    for (const auto wait : {0ms, -1ms}) {
        const std::uint64_t late = socket.ask({"question"}, wait);
        const Seen event = house.wait(SALON_EVENT_ACK);
        CHECK(event.ack == late && event.code == SALON_ERR_TIMEOUT);
        HAS(client.hear(), "question");
    }

    socket.disconnect();
    CHECK(house.wait(SALON_EVENT_DISCONNECT).code == SALON_REASON_SERVER_LEFT);
    HAS(client.hear(), "close 1000");
    auto [other, second] = guest(house, "/");
    second.disconnect_with(4001, "closing time");
    house.wait(SALON_EVENT_DISCONNECT);
    SAME(other.hear(), "close 4001 closing time");
    CHECK(code_of([&, socket = second] { socket.disconnect_with(1005, "never sent"); }) == SALON_ERR_INVALID);

    // Of a Socket.IO client: one namespace, or its connection.
    house.server.open("/side");
    Client ann = Client::socketio(house, "/", R"({"name":"Ann"})");
    HAS(ann.hear(), R"(40{"sid":)");
    const salon::Socket main = house.wait(SALON_EVENT_CONNECT).socket;
    CHECK(main.auth() == R"({"name":"Ann"})" && main.describe().protocol == SALON_PROTOCOL_SOCKETIO);
    ann.say("40/side,");
    HAS(ann.hear(), "40/side,");
    house.wait(SALON_EVENT_CONNECT).socket.disconnect();
    SAME(ann.hear(), "41/side,");
    main.disconnect(true);
    SAME(ann.hear(), "41");
    HAS(ann.hear(), "close");
}

static void messages_with_attachments() {
    House house;
    Client ann = Client::socketio(house, "/");
    HAS(ann.hear(), "40");
    const salon::Socket socket = house.wait(SALON_EVENT_CONNECT).socket;
    salon::Message message;
    message.name = "picture";
    message.args = R"([{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])";
    message.attachments = {"first", "\x00\xff"sv};
    message.flags = SALON_MESSAGE_VOLATILE;
    CHECK(house.server.to().socket(socket).emit(message) == 1);
    SAME(ann.hear(), R"(452-["picture",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])");
    SAME(ann.hear(), "first");
    SAME(ann.hear(), "\x00\xff"sv);

    ann.say(R"(451-7["take",{"_placeholder":true,"num":0}])");
    ann.say_binary("\x00\x01"sv);
    bool taken = false;
    house.handle = [&](const salon::Event &event) {
        CHECK(event.type() == SALON_EVENT_MESSAGE && event.name() == "take" && event.nsp() == "/");
        CHECK(event.attachment_count() == 1 && event.attachment(0) == "\x00\x01"sv);
        CHECK(event.raw()->socket == socket.id());
        CHECK(code_of([&] { (void)event.attachment(1); }) == SALON_ERR_NOT_FOUND);
        CHECK(code_of([&] { house.server.answer(event.ack(), "[1", {}); }) == SALON_ERR_INVALID);
        house.server.answer(event.ack(), R"(["yours",{"_placeholder":true,"num":0}])", {event.attachment(0)});
        CHECK(code_of([&] { house.server.answer(event.ack()); }) == SALON_ERR_NOT_FOUND);
        return taken = true;
    };
    SAME(ann.hear(), R"(461-7["yours",{"_placeholder":true,"num":0}])");
    SAME(ann.hear(), "\x00\x01"sv);
    CHECK(taken);
    // Attachments alone are the arguments; and neither is an answer, too.
    house.handle = [&](const salon::Event &event) {
        if (event.name() == "bare")
            house.server.answer(event.ack(), "");
        else
            house.server.answer(event.ack(), {}, {"a", "b"});
        return true;
    };
    ann.say(R"(428["bare"])");
    SAME(ann.hear(), "438[]");
    ann.say(R"(429["both"])");
    HAS(ann.hear(), "462-9[");
    SAME(ann.hear(), "a");
    SAME(ann.hear(), "b");
}

static void audiences() {
    House house(with_flags(SALON_CONFIG_ROOM_EVENTS));
    salon::Server &server = house.server;
    server.open("/side");
    auto [a, ann] = guest(house, "/");
    auto [b, ben] = guest(house, "/");
    auto [c, cat] = guest(house, "/side");
    CHECK(server.to().emit("all") == 3);
    for (Client *client : {&a, &b, &c})
        SAME(client->hear(), R"({"event":"all","args":[]})");

    CHECK(server.to("/").socket(ann).join("tea") == 1 && server.to("/").except(ann).join("cake") == 1);
    CHECK(server.to("/").join("both") == 2 && server.to("/side").join("tea") == 1);
    CHECK(server.count("/") == 2 && server.count("/", "both") == 2 && server.count("/", "nobody") == 0);
    auto rooms = server.rooms("/");
    std::sort(rooms.begin(), rooms.end());
    CHECK(rooms == (std::vector<std::string_view>{"both", "cake", "tea"}));
    auto namespaces = server.namespaces();
    std::sort(namespaces.begin(), namespaces.end());
    CHECK(namespaces == (std::vector<std::string_view>{"/", "/side"}));
    CHECK(code_of([&] { (void)server.rooms("/none"); }) == SALON_ERR_NOT_FOUND);
    CHECK(code_of([&] { (void)server.count("/none"); }) == SALON_ERR_NOT_FOUND);

    CHECK(server.to("/").room("tea").room("cake").sockets().size() == 2);
    CHECK(server.to("/").room("both").except_room("tea").sockets() == std::vector<salon::Socket>{ben});
    CHECK(server.to("/").room("tea").socket(ben).except(ann).sockets() == std::vector<salon::Socket>{ben});
    CHECK(server.to("/").room("tea").send("hello") == 1);
    SAME(a.hear(), R"({"event":"message","data":"hello"})");
    // Nobody may be excepted, but an audience of nobody is not everybody.
    CHECK(server.to("/").except({}).sockets().size() == 2);
    CHECK(code_of([&] { server.to("/").socket({}).emit("secret"); }) == SALON_ERR_NOT_FOUND);

    const std::uint64_t ack = server.to("/").ask({"question", "[1]"}, 10s);
    answer(a, R"("a")");
    CHECK(house.wait(SALON_EVENT_ACK).data == R"(["a"])");
    answer(b, R"("b")");
    CHECK(house.wait(SALON_EVENT_ACK).data == R"(["b"])");
    const Seen done = house.wait(SALON_EVENT_ACKS_DONE);
    CHECK(done.ack == ack && done.code == 2 && done.tag == 2);
    // Here, too, no time at all is a question: with an end, and no answer.
    for (const auto wait : {0ms, -1ms}) {
        const std::uint64_t late = server.to("/side").ask({"question"}, wait);
        CHECK(late != 0 && house.wait(SALON_EVENT_ACK).code == SALON_ERR_TIMEOUT);
        CHECK(house.wait(SALON_EVENT_ACKS_DONE).ack == late);
    }

    CHECK(server.to("/").room("tea").leave("tea") == 1);
    CHECK(server.count("/", "tea") == 0 && server.count("/side", "tea") == 1);
    CHECK(server.to("/").except(ben).disconnect() == 1);
    CHECK(house.wait(SALON_EVENT_DISCONNECT).socket == ann);
    server.close("/side");
    CHECK(house.wait(SALON_EVENT_DISCONNECT).code == SALON_REASON_NAMESPACE_CLOSED);
    CHECK(code_of([&] { server.to("/side").emit("x"); }) == SALON_ERR_NOT_FOUND);
    CHECK(house.wait(SALON_EVENT_ROOM_CREATED).name == "tea");

    // More than fit into the first list that sockets() tries.
    std::vector<Client> crowd;
    for (int at = 0; at < 70; ++at)
        crowd.emplace_back(house, "/");
    house.until([&] { return server.count("/") == 71; });
    auto everybody = server.to("/").sockets();
    CHECK(everybody.size() == 71);
    std::sort(everybody.begin(), everybody.end());
    CHECK(std::unique(everybody.begin(), everybody.end()) == everybody.end());
}

static void patterns_and_raw_messages() {
    House house;
    salon::Namespace how;
    how.dialect = SALON_DIALECT_RAW;
    house.server.open_pattern("/raw-", how);
    Client client(house, "/raw-1");
    const Seen came = house.wait(SALON_EVENT_CONNECT);
    CHECK(came.nsp == "/raw-1" && came.socket.describe().protocol == SALON_PROTOCOL_RAW);
    client.say("text");
    const Seen text = house.wait(SALON_EVENT_DATA);
    CHECK(text.data == "text" && text.flags == SALON_EVENT_FLAG_TEXT);
    client.say_binary("\x00\xff"sv);
    CHECK(house.wait(SALON_EVENT_DATA).data == "\x00\xff"sv);
    CHECK(came.socket.send("\x01\x00"sv, 0));
    SAME(client.hear(), "\x01\x00"sv);
    CHECK(code_of([&] { came.socket.ask({"question"}, 1s); }) == SALON_ERR_STATE);
}

static void doors() {
    House house;
    const char *const protocols[] = {"one", "three"};
    salon::Namespace how;
    how.flags = SALON_NAMESPACE_GUARDED;
    how.subprotocols = protocols;
    how.subprotocol_count = 2;
    house.server.open("/door", how);

    Client plain(house, "/door");
    salon::Socket socket = house.wait(SALON_EVENT_CONNECT_REQUEST).socket;
    CHECK(code_of([&] { socket.emit("early"); }) == SALON_ERR_STATE);
    socket.accept();
    CHECK(code_of([&] { socket.accept(); }) == SALON_ERR_STATE);
    CHECK(house.wait(SALON_EVENT_CONNECT).socket == socket && plain.status() == 101);
    SAME(socket.describe().subprotocol, "one");

    int mark = 0;
    salon::Admission admission;
    admission.user = &mark;
    admission.rooms = {"hall", "tea"};
    admission.dialect = SALON_DIALECT_RAW;
    admission.subprotocol = "two"; // which the client offers; the namespace would have chosen "one"
    Client raw(house, "/door");
    socket = house.wait(SALON_EVENT_CONNECT_REQUEST).socket;
    admission.subprotocol = "three";
    CHECK(code_of([&] { socket.accept(admission); }) == SALON_ERR_INVALID);
    admission.subprotocol = "two\0"sv;
    CHECK(code_of([&] { socket.accept(admission); }) == SALON_ERR_INVALID);
    admission.subprotocol = "two";
    socket.accept(admission);
    CHECK(house.wait(SALON_EVENT_CONNECT).user == &mark && socket.rooms().size() == 2);
    CHECK(socket.describe().protocol == SALON_PROTOCOL_RAW && socket.describe().subprotocol == "two"sv);

    Client turned(house, "/door");
    house.wait(SALON_EVENT_CONNECT_REQUEST).socket.reject("later", 503);
    HAS(turned.response(), "later");
    Client ann = Client::socketio(house, "/door", R"({"name":"Ann"})");
    const Seen request = house.wait(SALON_EVENT_CONNECT_REQUEST);
    SAME(request.data, R"({"name":"Ann"})");
    request.socket.reject("not you", 403, R"({"tries":2})");
    SAME(ann.hear(), R"(44/door,{"message":"not you","data":{"tries":2}})");
}

static void http() {
    House house(with_flags(SALON_CONFIG_HTTP));
    Client client = Client::raw(house, "POST /say?text=a%20b&text2= HTTP/1.1\r\nHost: x\r\n"
                                       "Content-Length: 4\r\n\r\nbody");
    bool asked = false;
    house.handle = [&](const salon::Event &event) {
        CHECK(event.type() == SALON_EVENT_HTTP_REQUEST && event.name() == "POST" && event.nsp() == "/say");
        CHECK(event.data() == "body" && event.server() == house.server.raw() && !event.socket());
        CHECK(event.http_header("HOST") == "x"sv && !event.http_header("x-none"));
        CHECK(event.http_query("text") == "a b"sv && event.http_query("text2") == ""sv && !event.http_query("none"));
        CHECK(code_of([&] { house.server.respond(event.ack(), 200, "", {{"Bad\0"s, "x"}}); }) == SALON_ERR_INVALID);
        CHECK(code_of([&] { house.server.respond(event.ack(), 200, "", {{"A", "b\nc"}}); }) == SALON_ERR_INVALID);
        CHECK(code_of([&] { house.server.respond(event.ack(), 99); }) == SALON_ERR_INVALID);
        CHECK(house.server.respond(event.ack(), 201, "done", {{"Content-Type", "text/plain"}, {"X-A", "b"}}));
        CHECK(!house.server.respond(event.ack(), 200));
        return asked = true;
    };
    const std::string response = client.response();
    CHECK(asked);
    HAS(response, "HTTP/1.1 201");
    HAS(response, "X-A: b\r\n");
    HAS(response, "\r\n\r\ndone");
}

static void timers_and_a_loop_of_ones_own() {
    House house;
    salon::Server &server = house.server;
    // A deadline that has passed is due at once.
    server.start_timer(-5ms, 41);
    CHECK(house.wait(SALON_EVENT_TIMER).tag == 41);
    const std::uint64_t timer = server.start_timer(1ms, 42, 1ms);
    for (int at = 0; at < 2; ++at) {
        const Seen fired = house.wait(SALON_EVENT_TIMER);
        CHECK(fired.tag == 42 && fired.ack == timer);
    }
    server.stop_timer(timer);
    CHECK(code_of([&] { server.stop_timer(timer); }) == SALON_ERR_NOT_FOUND);
    house.turn();

    CHECK(server.poll(0ms).empty() && server.timeout_ms() == SALON_FOREVER);
    const std::uint64_t far = server.start_timer(1h, 43);
    CHECK(server.timeout_ms() > 0 && server.timeout_ms() <= 3'600'000);
    server.stop_timer(far);
    const int fd = server.fd();
    CHECK(fd >= 0 && fd == server.fd());
    Client client(house, "/");
    house.wait(SALON_EVENT_CONNECT);
    HAS(client.hear(), "connect");
    server.to("/").emit("said outside a turn");
    pollfd watched{fd, POLLIN, 0};
    CHECK(::poll(&watched, 1, 20'000) == 1);
    server.flush();
    HAS(client.hear(), "said outside a turn");

    const salon_stats stats = server.stats();
    CHECK(stats.sockets == 1 && stats.accepted == 1 && stats.messages_out >= 1 && stats.size == sizeof stats);
}

static void a_listener_that_is_handed_over() {
    House house;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof any;
    CHECK(bind(fd, reinterpret_cast<sockaddr *>(&any), len) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, reinterpret_cast<sockaddr *>(&any), &len) == 0);
    house.server.listen_fd(fd);
    house.port = ntohs(any.sin_port);
    guest(house, "/");
    CHECK(code_of([&] { house.server.listen_fd(-1); }) == SALON_ERR_INVALID);
}

static void remotes() {
    House house;
    salon::Namespace guarded;
    guarded.flags = SALON_NAMESPACE_GUARDED;
    house.server.open("/door", guarded);
    const salon::Remote remote = house.server.remote();
    CHECK(remote.raw() != nullptr && remote.wake());

    Client in(house, "/door"), out(house, "/door");
    salon::Socket first = house.wait(SALON_EVENT_CONNECT_REQUEST).socket;
    salon::Socket second = house.wait(SALON_EVENT_CONNECT_REQUEST).socket;
    int mark = 0;
    std::thread([&] {
        remote.accept(first.id(), &mark);
        remote.reject(second.id(), "no room", 503);
    }).join();
    const Seen came = house.wait(SALON_EVENT_CONNECT);
    CHECK(came.socket == first && came.user == &mark);
    const Seen left = house.wait(SALON_EVENT_DISCONNECT);
    CHECK(left.socket == second && left.code == SALON_REASON_REJECTED);
    CHECK(in.status() + out.status() == 101 + 503);
    // Which of the two clients is in was the network's choice.
    Client &client = in.is_open() ? in : out;
    HAS(client.hear(), "connect");

    CHECK(code_of([&] { remote.accept(0); }) == SALON_ERR_NOT_FOUND);
    CHECK(code_of([&] { remote.to("/door").emit("x", "{"); }) == SALON_ERR_INVALID);
    std::thread([&] {
        remote.to("/door").emit("one", "[1]");
        remote.to().socket(first).emit({"two", {}, {"\x01"}});
        remote.to("/door").except(second).send("three");
        remote.to("/door").except(first).send("not for the first");
        remote.disconnect(first.id());
    }).join();
    SAME(client.hear(), R"({"event":"one","data":1})");
    HAS(client.hear(), R"("attachments":["AQ=="])");
    HAS(client.hear(), "three");
    HAS(client.hear(), "close 1000");
    CHECK(house.wait(SALON_EVENT_DISCONNECT).code == SALON_REASON_SERVER_LEFT);

    salon::Remote moved = house.server.remote();
    salon::Remote there = std::move(moved);
    CHECK(!moved.wake() && there.wake());
    moved = std::move(there);
    moved.post(7, "word");
    const Seen post = house.wait(SALON_EVENT_POST);
    CHECK(post.tag == 7 && post.data == "word");
}

static void moves() {
    House one, two;
    const salon::Remote of_one = one.server.remote(), of_two = two.server.remote();
    auto [client, socket] = guest(two, "/");
    // What was there before an assignment is closed by it, and what was handed out goes with what is assigned.
    one.server = std::move(two.server);
    CHECK(!of_one.wake() && of_two.wake());
    CHECK(two.server.raw() == nullptr && code_of([&] { two.server.poll(0); }) == SALON_ERR_INVALID);
    two.server = std::move(one.server);
    salon::Server &self = two.server;
    two.server = std::move(self);
    CHECK(of_two.wake() && socket.emit("still here"));
    HAS(client.hear(), "still here");
    salon::Server third(std::move(two.server));
    CHECK(third.count("/") == 1);
    two.server = std::move(third);
}

static void the_end() {
    House house;
    auto [client, socket] = guest(house, "/");
    // Events are taken once, however the loop is written.
    const salon::Remote remote = house.server.remote();
    for (std::uint64_t tag = 1; tag <= 3; ++tag)
        remote.post(tag);
    const salon::Events events = house.server.poll(20s);
    CHECK(events.size() == 3 && !events.empty());
    auto at = events.begin();
    CHECK(at != events.end() && at->tag() == 1 && (*at).type() == SALON_EVENT_POST);
    at++;
    CHECK(at->tag() == 2);
    const salon::Event second = *at;
    CHECK((++at)->tag() == 3 && second.tag() == 2);
    CHECK(++at == events.end());

    house.server.shutdown(20s);
    CHECK(house.wait(SALON_EVENT_DISCONNECT).code == SALON_REASON_SHUTDOWN);
    HAS(client.hear(), "close 1001");
    client.leave();
    house.wait(SALON_EVENT_STOPPED);
    CHECK(code_of([&] { house.server.listen("127.0.0.1:0"); }) == SALON_ERR_CLOSED);
    remote.shutdown();
    remote.shutdown(20s);
    try {
        house.server.listen("127.0.0.1:0");
    } catch (const salon::Error &error) {
        SAME(error.name(), salon_strerror(SALON_ERR_CLOSED));
    }
}

int main() {
    what_is_known_of_a_socket();
    what_a_socket_is_told();
    messages_with_attachments();
    audiences();
    patterns_and_raw_messages();
    doors();
    http();
    timers_and_a_loop_of_ones_own();
    a_listener_that_is_handed_over();
    remotes();
    moves();
    the_end();
    std::puts("sockets, audiences and remotes of salon.hpp do what it says");
}
