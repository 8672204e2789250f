// The gateway of salon.hpp: handlers, pipes, guards, hooks, the filter, questions, patterns. examples/cpp/gateway.cpp
// shows it with Socket.IO's own client.
#include "house.hpp"

#include <stdexcept>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

/// A house whose events go to a gateway.
struct GatewayHouse : House {
    explicit GatewayHouse(const salon::Config &config = salon::Config()) : House(config), gateway(server) {
        handle = [this](const salon::Event &event) { return gateway.handle(event); };
    }

    /// A client of the JSON dialect that is in.
    Client enter(const std::string &path) {
        Client client(*this, path);
        HAS(client.hear(), R"({"event":"connect")");
        return client;
    }

    salon::Gateway gateway;
};

/// Asks, and gives the answer.
static std::string asked(Client &client, const std::string &event, const std::string &data = "null") {
    client.say(R"({"event":")" + event + R"(","data":)" + data + R"(,"id":1})");
    return client.hear();
}

/// A handshake that offers no subprotocol.
static std::string handshake(const std::string &target) {
    return "GET " + target
        + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

/// A short text message, masked.
static std::string masked(const std::string &text) {
    std::string frame = "\x81" + std::string(1, static_cast<char>(0x80 | text.size())) + "mask";
    for (std::size_t at = 0; at < text.size(); ++at)
        frame += static_cast<char>(text[at] ^ "mask"[at % 4]);
    return frame;
}

static const auto FAULT = R"({"ack":1,"data":{"status":"error","message":"Internal server error"}})"s;
static const auto FORBIDDEN = R"({"ack":1,"data":{"status":"error","message":"Forbidden resource"}})"s;

static void handlers_give_back_what_they_like() {
    GatewayHouse house;
    salon::Gateway &gateway = house.gateway;
    bool empty = false;
    gateway.on("/", "text", [](salon::Call &) { return R"("a text")"; })
        .on("/", "string", [](salon::Call &call) { return std::string(*call.get("/0")); })
        .on("/", "maybe", [&](salon::Call &) { return empty ? std::nullopt : std::optional<std::string>("1"); })
        .on("/", "nothing", [](salon::Call &) {})
        .on("/", "reply", [](salon::Call &) { return salon::Reply{"event", "[2]"}; })
        .on("/", "bare reply", [](salon::Call &) { return salon::Reply{"event"}; })
        .on("/", "maybe reply", [&](salon::Call &) {
            return empty ? std::nullopt : std::optional<salon::Reply>(salon::Reply{"event", "[3]"});
        })
        .on("/", "twice", [](salon::Call &) { return "1"; })
        .on("/", "twice", [](salon::Call &) { return "2"; })
        .on("/", "nonsense", [](salon::Call &) { return "this is no JSON"; })
        .on("/", "who", [&](salon::Call &call) {
            CHECK(call.name() == "who" && call.nsp() == "/" && call.data() == "[null]" && call.wants_ack());
            CHECK(call.server().raw() == house.server.raw() && call.event().socket() == call.socket());
            CHECK(call.emit("you") && call.to().emit("everybody", "[1]") == 1);
        });
    Client ann = house.enter("/");
    SAME(asked(ann, "text"), R"({"ack":1,"data":"a text"})");
    SAME(asked(ann, "string", R"({"a":1})"), R"({"ack":1,"data":{"a":1}})");
    SAME(asked(ann, "maybe"), R"({"ack":1,"data":1})");
    SAME(asked(ann, "reply"), R"({"event":"event","data":2})");
    SAME(asked(ann, "bare reply"), R"({"event":"event","args":[]})");
    SAME(asked(ann, "maybe reply"), R"({"event":"event","data":3})");
    empty = true;
    for (const char *quiet : {"maybe", "maybe reply", "nothing"})
        ann.say(R"({"event":")"s + quiet + R"(","id":1})");
    SAME(asked(ann, "twice"), R"({"ack":1,"data":2})");
    // What is no JSON is the host's fault, and the client does not wait in vain.
    SAME(asked(ann, "nonsense"), FAULT);
    ann.say(R"({"event":"text"})"); // Nobody wants this answer.
    SAME(asked(ann, "who"), R"({"event":"you","args":[]})");
    SAME(ann.hear(), R"({"event":"everybody","data":1})");

    // What no handler is for is the host's.
    ann.say(R"({"event":"unknown"})");
    CHECK(house.wait(SALON_EVENT_MESSAGE).name == "unknown");
}

static void pipes_check_and_convert() {
    struct Move {
        double x;
        std::string piece;
    };
    GatewayHouse house;
    const auto parse = [](salon::Call &call) { return Move{call.number("/0/x"), call.text("/0/piece")}; };
    // Both may keep a state of their own.
    const auto move = [moves = 0](salon::Call &call, const Move &to) mutable {
        CHECK(call.name() == "move");
        return salon::json::bind("[?,#,#]", to.piece, std::to_string(to.x), std::to_string(++moves));
    };
    double heard = 0;
    house.gateway.on("/", "move", salon::piped(parse, move));
    house.gateway.on("/", "hear", salon::piped([](salon::Call &call) { return call.number("/0"); },
                                               [&](salon::Call &, double number) { heard = number; }));
    Client ann = house.enter("/");
    SAME(asked(ann, "move", R"({"x":1.5,"piece":"rook"})"), R"({"ack":1,"data":["rook",1.500000,1]})");
    SAME(asked(ann, "move", R"({"x":-2,"piece":"\u00c4"})"), R"({"ack":1,"data":["Ä",-2.000000,2]})");
    const auto expected = [](const char *what) {
        return R"({"ack":1,"data":{"status":"error","message":"a )"s + what + R"("}})";
    };
    SAME(asked(ann, "move", R"({"x":"1","piece":"rook"})"), expected("number is expected at /0/x"));
    SAME(asked(ann, "move", R"({"piece":"rook"})"), expected("number is expected at /0/x"));
    SAME(asked(ann, "move", R"({"x":1,"piece":7})"), expected("text is expected at /0/piece"));
    SAME(asked(ann, "move", R"({"x":1})"), expected("text is expected at /0/piece"));
    ann.say(R"({"event":"hear","data":7e2})");
    house.until([&] { return heard == 700; });
}

static void answers_may_come_later() {
    GatewayHouse house;
    std::uint64_t owed = 0;
    house.gateway
        .on("/", "later", [&](salon::Call &call) {
            owed = call.take_ack();
            CHECK(owed != 0 && !call.wants_ack() && call.take_ack() == 0);
            call.answer("[1]"); // Too late: the duty is taken.
            return "2";
        })
        .on("/", "now", [](salon::Call &call) {
            call.answer("[1,2]");
            CHECK(!call.wants_ack());
            return "3"; // It was answered.
        })
        .on("/", "blob", [](salon::Call &call) { call.answer({}, {"\x01"}); })
        .on("/", "none", [](salon::Call &call) { CHECK(!call.wants_ack() && call.take_ack() == 0); });
    Client ann = house.enter("/");
    ann.say(R"({"event":"later","id":9})");
    house.until([&] { return owed != 0; });
    SAME(asked(ann, "now"), R"({"ack":1,"args":[1,2]})");
    HAS(asked(ann, "blob"), R"("attachments":["AQ=="])");
    ann.say(R"({"event":"none"})");
    house.server.answer(owed, R"(["at last"])");
    SAME(ann.hear(), R"({"ack":9,"data":"at last"})");
}

static void events_have_guards() {
    GatewayHouse house;
    std::string asked_first;
    salon::Namespace raw;
    raw.dialect = SALON_DIALECT_RAW;
    house.gateway
        .guard_events("/", [&](salon::Call &call) {
            asked_first = call.name();
            return call.name() != "never";
        })
        .guard("/", "no", [](salon::Call &) { return false; })
        .guard("/", "why", [](salon::Call &) { return "because"; })
        .guard("/", "status", [](salon::Call &) { return salon::Verdict("because"s, 409); })
        .guard("/", "later", [](salon::Call &) { return salon::Verdict::later(); })
        .guard("/", "throws", [](salon::Call &) -> salon::Verdict { throw std::runtime_error("a secret"); })
        .guard("/", "yes", [](salon::Call &call) { return !call.get("/0/no"); })
        .on_any("/", [](salon::Call &) { return R"("handled")"; })
        .open("/raw", raw)
        .guard_events("/raw", [](salon::Call &call) { return call.data() != "never"; })
        .on_any("/raw", [](salon::Call &call) { call.socket().send(call.data()); });
    Client ann = house.enter("/");
    SAME(asked(ann, "other"), R"({"ack":1,"data":"handled"})");
    SAME(asked_first, "other");
    SAME(asked(ann, "yes"), R"({"ack":1,"data":"handled"})");
    SAME(asked(ann, "yes", R"({"no":true})"), FORBIDDEN);
    SAME(asked(ann, "never"), FORBIDDEN);
    SAME(asked(ann, "no"), FORBIDDEN);
    SAME(asked(ann, "later"), FORBIDDEN); // Only a connection can wait.
    SAME(asked(ann, "why"), R"({"ack":1,"data":{"status":"error","message":"because"}})");
    SAME(asked(ann, "status"), R"({"ack":1,"data":{"status":"error","message":"because"}})");
    SAME(asked(ann, "throws"), FAULT);
    ann.say(R"({"event":"no"})");
    SAME(ann.hear(), R"({"event":"exception","data":{"status":"error","message":"Forbidden resource"}})");

    // Raw messages have no name, so the guards of all events are theirs.
    Client ben(house, "/raw");
    ben.say("never");
    HAS(ben.hear(), "Forbidden resource");
    ben.say("hello");
    SAME(ben.hear(), "hello");
}

static void any_takes_what_has_no_handler() {
    GatewayHouse house;
    house.gateway.on("/", "own", [](salon::Call &) { return "1"; })
        .on_any("/", [](salon::Call &call) { return salon::Reply{"any", salon::json::bind("[?]", call.name())}; });
    Client ann = house.enter("/");
    SAME(asked(ann, "own"), R"({"ack":1,"data":1})");
    SAME(asked(ann, "other"), R"({"event":"any","data":"other"})");
}

static void questions_are_answered_once() {
    GatewayHouse house;
    std::vector<std::string> answers;
    salon::Socket socket;
    house.gateway.on_connect("/", [&](salon::Call &call) { socket = call.socket(); });
    Client ann = house.enter("/");
    const auto note = [&](const salon::Event &event) {
        answers.push_back(std::to_string(event.code()) + " " + std::string(event.data()));
    };
    const auto ask = [&](salon::Gateway::Answered answered, std::chrono::milliseconds wait = 10s) {
        house.gateway.ask(socket, {"question", R"(["how much?"])"}, wait, std::move(answered));
        const std::string heard = ann.hear();
        HAS(heard, R"("data":"how much?")");
        return std::string(*salon::json::get(heard, "/id"));
    };
    const std::string id = ask(note);
    ann.say(R"({"ack":)" + id + R"(,"data":5})");
    house.until([&] { return answers.size() == 1; });
    SAME(answers[0], "0 [5]");
    ask(note, 0ms);
    house.until([&] { return answers.size() == 2; });
    HAS(answers[1], std::to_string(SALON_ERR_TIMEOUT));

    // A question out of an answer; what that one throws, the client is told.
    const std::string outer = ask([&](const salon::Event &event) {
        house.gateway.ask(event.socket(), {"inner"}, 10s,
                          [](const salon::Event &) { throw salon::Exception("too much"); });
    });
    ann.say(R"({"ack":)" + outer + "}");
    const std::string inner = ann.hear();
    HAS(inner, R"("event":"inner")");
    ann.say(R"({"ack":)" + std::string(*salon::json::get(inner, "/id")) + "}");
    SAME(ann.hear(), R"({"event":"exception","data":{"status":"error","message":"too much"}})");

    // A question of the host's own is the host's.
    const std::uint64_t own = socket.ask({"question"}, 0ms);
    CHECK(house.wait(SALON_EVENT_ACK).ack == own);
    HAS(ann.hear(), "question");

    ask([&](const salon::Event &event) {
        note(event);
        throw std::runtime_error("nobody is there to be told");
    });
    ann.leave();
    house.until([&] { return answers.size() == 3; });
    HAS(answers[2], std::to_string(SALON_ERR_CLOSED));
}

static void the_filter_decides_what_is_told() {
    GatewayHouse house;
    std::string faults;
    house.gateway.on("/", "fault", [](salon::Call &) { throw std::runtime_error("a secret"); })
        .on("/", "number", [](salon::Call &) { throw 7; })
        .on("/", "text", [](salon::Call &) { throw salon::Exception("not UTF-8: \xff"); })
        .on("/", "fatal", [](salon::Call &) { throw std::logic_error("fatal"); })
        .on("/", "fine", [](salon::Call &) { return "1"; });
    Client ann = house.enter("/");
    for (const char *event : {"fault", "number", "text"})
        SAME(asked(ann, event), FAULT);

    house.gateway.filter([&](salon::Call &call, std::exception_ptr thrown) -> std::optional<std::string> {
        faults += std::string(call.name()) + ";";
        try {
            std::rethrow_exception(thrown);
        } catch (const std::runtime_error &) {
            return std::nullopt;
        } catch (int number) {
            return std::to_string(number);
        }
    });
    ann.say(R"({"event":"fault","id":1})");
    ann.say(R"({"event":"fault"})");
    SAME(asked(ann, "number"), R"({"ack":1,"data":7})");
    SAME(faults, "fault;fault;number;");
    // What it throws itself leaves the loop, which can go on.
    ann.say(R"({"event":"fatal","id":1})");
    bool left = false;
    house.until([&] {
        try {
            house.turn();
        } catch (const std::logic_error &) {
            left = true;
        }
        return left;
    });
    SAME(asked(ann, "fine"), R"({"ack":1,"data":1})");
}

static void a_client_that_cannot_be_told_is_no_fault() {
    salon::Config config;
    config.overflow = SALON_OVERFLOW_DROP;
    config.queue_bytes = 4096;
    GatewayHouse house(config);
    std::string told = salon::json::quote(std::string(8192, 'x'));
    bool failed = false;
    house.gateway.on("/", "fault", [](salon::Call &) { throw std::runtime_error("a secret"); })
        .filter([&](salon::Call &, std::exception_ptr) {
            failed = true;
            return told;
        });
    Client ann = house.enter("/");
    ann.say(R"({"event":"fault"})");
    house.until([&] { return failed; }); // Her queue has no room for that.
    // But a filter that writes no JSON is the host's fault.
    told = "this is no JSON";
    ann.say(R"({"event":"fault"})");
    int code = 0;
    house.until([&] { return (code = code_of([&] { house.turn(); })) != 0; });
    CHECK(code == SALON_ERR_INVALID);
}

static void hooks_of_those_who_come_and_go() {
    GatewayHouse house;
    std::string seen;
    house.gateway.on_init([&](salon::ServerRef server) { seen += server.raw() == house.server.raw() ? "init;" : "?"; })
        .on_connect("/", [&](salon::Call &) { seen += "first;"; })
        .on_connect("/", [&](salon::Call &call) {
            seen += "second;";
            if (call.socket().query("fault") == "own"sv)
                throw salon::Exception("you can't stay");
            if (call.socket().query("fault"))
                throw std::runtime_error("a secret");
        })
        .on_connect("/", [&](salon::Call &) { seen += "third;"; })
        .on("/", "early", [&](salon::Call &) { seen += "handled;"; })
        .on_disconnect("/", [&](salon::Call &call) {
            CHECK(!call.wants_ack());
            seen += "left " + std::to_string(call.event().code()) + ";";
            throw std::runtime_error("the next one runs all the same");
        })
        .on_disconnect("/", [&](salon::Call &) { seen += "gone;"; })
        .filter([&](salon::Call &call, std::exception_ptr thrown) {
            seen += "filter;";
            return salon::Gateway::default_filter(call, thrown);
        });
    const auto gone = [&] { return seen.size() >= 5 && seen.substr(seen.size() - 5) == "gone;"; };
    Client ann = house.enter("/");
    ann.leave();
    house.until(gone);
    SAME(seen, "init;first;second;third;left 1;filter;gone;");
    for (const auto &[query, message] : {std::pair("own", "you can't stay"), std::pair("x", "Internal server error")}) {
        seen.clear();
        Client ben = house.enter("/?fault="s + query);
        SAME(ben.hear(), R"({"event":"exception","data":{"status":"error","message":")"s + message + R"("}})");
        HAS(ben.hear(), "close 1000");
        house.until(gone);
        SAME(seen, "first;second;filter;left 4;filter;gone;");
    }
    // What it has sent in one breath with its handshake reaches no handler.
    seen.clear();
    Client hasty = Client::raw(house, handshake("/?fault=x") + masked(R"({"event":"early"})"));
    house.until(gone);
    SAME(seen, "first;second;filter;left 4;filter;gone;");
}

static void what_may_return_is_freed_when_it_has_expired() {
    salon::Config config = with_flags(SALON_CONFIG_RECOVERY);
    config.recovery_window_ms = 50;
    GatewayHouse house(config);
    int mark = 0, disconnects = 0;
    house.gateway.guard("/", [&](salon::Call &) { return salon::Admission{&mark}; })
        .on_disconnect("/", [&](salon::Call &call) {
            CHECK(call.user() == &mark && (call.event().flags() & SALON_EVENT_FLAG_MAY_RETURN) != 0);
            ++disconnects;
        });
    Client ann = Client::socketio(house, "/");
    HAS(ann.hear(), "40");
    ann.leave();
    const Seen expired = house.wait(SALON_EVENT_EXPIRED);
    CHECK(expired.user == &mark && disconnects == 1);
}

static void a_guard_says_yes_no_or_later() {
    GatewayHouse house;
    int mark = 0, faults = 0;
    std::vector<salon::Socket> waiting;
    house.gateway
        .guard("/door", [&](salon::Call &call) -> salon::Verdict {
            const std::string how(call.socket().query("how").value_or("yes"));
            CHECK(call.event().type() == SALON_EVENT_CONNECT_REQUEST);
            if (how == "no" || how == "yes")
                return how == "yes";
            if (how == "why")
                return "because";
            if (how == "status")
                return {"taken", 409};
            if (how == "exception")
                throw salon::Exception("who are you?", 401);
            if (how == "text")
                call.text("/name");
            if (how == "fault")
                throw std::runtime_error("a secret");
            if (how == "own") {
                call.socket().reject("a guard's own answer", 503);
                return false;
            }
            if (how == "own yes") {
                call.socket().accept();
                return true;
            }
            if (how == "foreign")
                throw 7; // Nothing that the standard library knows.
            if (how == "bytes")
                return "\xff, which came with a header, is here already";
            if (how == "protocol")
                return salon::Admission{nullptr, {}, SALON_DIALECT_DEFAULT, "three"};
            if (how != "admission")
                waiting.push_back(call.socket());
            return how == "admission" ? salon::Verdict(salon::Admission{nullptr, {"lost"}}) : salon::Verdict::later();
        })
        .guard("/door", [&](salon::Call &call) -> salon::Verdict {
            if (call.socket().query("second") == "no"sv)
                return false;
            if (call.socket().query("how") != "admission"sv)
                return true;
            return salon::Admission{&mark, {"hall", "tea"}, SALON_DIALECT_RAW, "one"};
        })
        .filter([&](salon::Call &call, std::exception_ptr thrown) {
            ++faults;
            return salon::Gateway::default_filter(call, thrown);
        });
    const auto answer = [&](const std::string &query) { return Client(house, "/door?" + query).response(); };
    house.enter("/door");
    house.wait(SALON_EVENT_CONNECT);
    for (const auto &[query, status, text] :
         {std::tuple("how=no", " 403 ", "Forbidden resource"), std::tuple("how=why", " 403 ", "because"),
          std::tuple("how=status", " 409 ", "taken"), std::tuple("how=exception", " 401 ", "who are you?"),
          std::tuple("how=text", " 400 ", "a text is expected at /name"),
          std::tuple("second=no", " 403 ", "Forbidden resource"),
          std::tuple("how=later&second=no", " 403 ", "Forbidden resource")}) {
        const std::string got = answer(query);
        HAS(got, status);
        HAS(got, text);
    }
    CHECK(faults == 0);
    // Faults of the host's, which the filter sees; a text that is not UTF-8 ends no loop.
    for (const char *query : {"how=fault", "how=foreign", "how=protocol", "how=bytes"}) {
        const std::string got = answer(query);
        HAS(got, " 500 ");
        HAS(got, "Internal server error");
    }
    CHECK(faults == 4);
    // Who answers and says a verdict, too, has answered.
    HAS(answer("how=own"), "a guard's own answer");
    CHECK(faults == 4);
    CHECK(Client(house, "/door?how=own%20yes").status() == 101 && faults == 5);
    Client ann = Client::socketio(house, "/door", R"({"name":7})");
    // A Socket.IO client comes without that query, so the guard says yes.
    HAS(ann.hear(), R"(40/door,{"sid":)");

    // Of several Admissions the last one holds.
    Client ben(house, "/door?how=admission");
    CHECK(ben.status() == 101);
    const auto came = [&](salon::Socket socket) {
        while (house.wait(SALON_EVENT_CONNECT).socket != socket)
            continue;
    };
    house.until([&] { return house.server.count("/door", "hall") == 1; });
    const salon::Socket admitted = house.server.to("/door").room("hall").sockets().front();
    came(admitted);
    CHECK(admitted.user() == &mark && admitted.describe().protocol == SALON_PROTOCOL_RAW);
    CHECK(house.server.count("/door", "tea") == 1 && house.server.count("/door", "lost") == 0);
    SAME(admitted.describe().subprotocol, "one");

    // Who waits is decided about by a socket that was kept, or by a remote.
    waiting.clear();
    std::vector<Client> clients;
    for (std::size_t at = 0; at < 4; ++at) {
        clients.emplace_back(house, "/door?how=later");
        house.until([&] { return waiting.size() == at + 1; });
    }
    const salon::Remote remote = house.server.remote();
    waiting[0].accept(salon::Admission{&mark, {"hall"}});
    waiting[1].reject("not today", 503);
    remote.accept(waiting[2].id(), &mark);
    remote.reject(waiting[3].id(), "nor tomorrow", 410);
    came(waiting[0]);
    came(waiting[2]);
    CHECK(waiting[2].user() == &mark && house.server.count("/door", "hall") == 2);
    HAS(clients[1].response(), "not today");
    HAS(clients[3].response(), "nor tomorrow");
    CHECK(clients[0].status() == 101 && clients[2].status() == 101);
}

static void the_host_may_guard_itself() {
    GatewayHouse house;
    salon::Namespace guarded;
    guarded.flags = SALON_NAMESPACE_GUARDED;
    house.gateway.open("/door", guarded).on("/door", "mark", [](salon::Call &call) {
        return std::to_string(*call.user<int>());
    });
    Client ann(house, "/door");
    int mark = 7;
    house.wait(SALON_EVENT_CONNECT_REQUEST).socket.accept(salon::Admission{&mark});
    HAS(ann.hear(), "connect");
    SAME(asked(ann, "mark"), R"({"ack":1,"data":7})");
}

static void a_socketio_client_is_told_why() {
    GatewayHouse house;
    house.gateway
        .guard("/door", [](salon::Call &call) -> salon::Verdict {
            const std::string name = call.text("/name");
            if (name == "later") {
                call.socket().reject("not you", 403, R"({"tries":2})");
                return salon::Verdict::later();
            }
            return name == "Ann";
        })
        .on_disconnect("/door", [](salon::Call &call) { CHECK(call.event().code() == SALON_REASON_REJECTED); });
    SAME(Client::socketio(house, "/door").hear(), R"(44/door,{"message":"a text is expected at /name"})");
    SAME(Client::socketio(house, "/door", R"({"name":"Ben"})").hear(), R"(44/door,{"message":"Forbidden resource"})");
    SAME(Client::socketio(house, "/door", R"({"name":"later"})").hear(),
         R"(44/door,{"message":"not you","data":{"tries":2}})");
    Client ann = Client::socketio(house, "/door", R"({"name":"Ann"})");
    HAS(ann.hear(), R"(40/door,{"sid":)");
}

static void subprotocols_outlive_what_named_them() {
    GatewayHouse house;
    for (const bool guard_first : {true, false}) {
        const std::string nsp = guard_first ? "/first" : "/second";
        const auto guard = [](salon::Call &) { return true; };
        if (guard_first)
            house.gateway.guard(nsp, guard);
        {
            const std::string one = "one"s, name = std::string(40, 'n');
            const char *const list[] = {name.c_str(), one.c_str()};
            const std::uint32_t dialects[] = {SALON_DIALECT_JSON, SALON_DIALECT_RAW};
            salon::Namespace how;
            how.flags = SALON_NAMESPACE_REQUIRE_SUBPROTOCOL;
            how.subprotocols = list;
            how.subprotocol_dialects = dialects;
            how.subprotocol_count = 2;
            house.gateway.open(nsp, how);
        }
        // Opens it again; where there was a guard already, it has stayed guarded.
        if (!guard_first)
            house.gateway.guard(nsp, guard);
        Client client(house, nsp);
        const salon::Socket socket = house.wait(SALON_EVENT_CONNECT).socket;
        SAME(socket.describe().subprotocol, "one");
        CHECK(socket.describe().protocol == SALON_PROTOCOL_RAW);
        CHECK(client.status() == 101);
        int asked = 0;
        house.gateway.guard(nsp, [&](salon::Call &) { return ++asked == 0; });
        CHECK(Client(house, nsp).status() == 403 && asked == 1);
        Client stranger = Client::raw(house, handshake(nsp));
        CHECK(stranger.status() == 400 && asked == 1);
    }

    // What the server refuses leaves nothing behind, so that the second attempt is told, too.
    salon::Namespace broken;
    broken.subprotocol_count = 1;
    for (int attempt = 0; attempt < 2; ++attempt) {
        CHECK(code_of([&] { house.gateway.on("no slash", "x", [](salon::Call &) {}); }) == SALON_ERR_INVALID);
        CHECK(code_of([&] { house.gateway.on_connect("no slash", [](salon::Call &) {}); }) == SALON_ERR_INVALID);
        CHECK(code_of([&] { house.gateway.open("/third", broken); }) == SALON_ERR_INVALID);
        CHECK(code_of([&] { house.gateway.open("/second", broken); }) == SALON_ERR_INVALID);
    }
    CHECK(code_of([&] { (void)house.server.count("/third"); }) == SALON_ERR_NOT_FOUND);
    house.gateway.on("/third", "x", [](salon::Call &) { return "1"; });
    Client ann = house.enter("/third");
    SAME(asked(ann, "x"), R"({"ack":1,"data":1})");
}

static void the_longest_pattern_serves() {
    GatewayHouse house;
    const auto named = [](const char *name) { return [name](salon::Call &) { return name; }; };
    house.gateway.on("/x-*", "who", named("1")).on("/x-long-*", "who", named("2")).on("/x-own", "who", named("3"));
    house.gateway.guard("/x-*", [](salon::Call &call) { return call.nsp() != "/x-closed"; });
    for (const auto &[nsp, who] : {std::pair("/x-", "1"), std::pair("/x-1", "1"), std::pair("/x-lon", "1"),
                                   std::pair("/x-long-1", "2"), std::pair("/x-own", "3"), std::pair("/x-own2", "1")}) {
        Client client = house.enter(nsp);
        SAME(asked(client, "who"), R"({"ack":1,"data":)"s + who + "}");
    }
    CHECK(Client(house, "/x-closed").status() == 403);
    CHECK(Client(house, "/y-1").status() == 404);
    house.server.open("/other");
    Client other = house.enter("/other");
    other.say(R"({"event":"who"})");
    CHECK(house.wait(SALON_EVENT_MESSAGE).nsp == "/other");
}

static void a_gateway_runs_until_the_end_and_may_move() {
    static_assert(!std::is_copy_constructible_v<salon::Gateway> && std::is_move_constructible_v<salon::Gateway>);
    House house;
    salon::Gateway made(house.server);
    made.guard("/", [](salon::Call &) { return true; }).on("/", "end", [](salon::Call &call) {
        call.server().shutdown(20s);
    });
    salon::Gateway gateway = std::move(made);
    gateway.guard("/", [](salon::Call &) { return true; });
    Client client(house, "/");
    // Said before the loop begins, so that run() needs no other thread.
    house.until([&] { return house.seen.size() == 1; });
    house.seen.front().socket.accept();
    HAS(client.hear(), "connect");
    client.say(R"({"event":"end"})");
    client.leave();
    gateway.run();
    CHECK(house.server.stats().sockets == 0);
}

int main() {
    handlers_give_back_what_they_like();
    pipes_check_and_convert();
    answers_may_come_later();
    events_have_guards();
    any_takes_what_has_no_handler();
    questions_are_answered_once();
    the_filter_decides_what_is_told();
    a_client_that_cannot_be_told_is_no_fault();
    hooks_of_those_who_come_and_go();
    what_may_return_is_freed_when_it_has_expired();
    a_guard_says_yes_no_or_later();
    the_host_may_guard_itself();
    a_socketio_client_is_told_why();
    subprotocols_outlive_what_named_them();
    the_longest_pattern_serves();
    a_gateway_runs_until_the_end_and_may_move();
    std::puts("the gateway of salon.hpp does what it says");
}
