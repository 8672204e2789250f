/// Salon for C++17: everything of salon.h with destructors, std::string_view and exceptions, and a gateway that calls
/// a handler for each event name. Header only; what is not used costs nothing.
///
///     salon::Server server;
///     server.listen("127.0.0.1:3000");
///     for (;;)
///         for (const salon::Event &event : server.poll()) {
///             if (event.type() == SALON_EVENT_CONNECT)
///                 event.socket().join("lobby");
///             else if (event.type() == SALON_EVENT_MESSAGE)
///                 server.to("/").room("lobby").except(event.socket()).emit(event.name(), event.data());
///         }
///
/// Errors: a call that fails throws salon::Error, with the code and the sentence, and has changed nothing.
/// Memory: a string_view handed out stays until the next poll() that starts a turn. What you hand in is copied.
/// Texts: UTF-8. Arguments of events are JSON arrays: `[1,"two"]`.
/// Threads: a Server and all that comes from it belong to one thread at a time; a Remote is for the others.
/// Reading order: Error, json, Socket, audiences, Server, Remote, Gateway. The prose of salon.h holds here, too.
/// All of its functions are in here but two: salon_namespace_emit() and salon_room_emit() are to(nsp).emit() for C.

#ifndef SALON_HPP
#define SALON_HPP

#include "salon.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace salon {

/// The version of the library that is loaded: major * 1000000 + minor * 1000 + patch.
inline std::uint32_t version() noexcept { return salon_version(); }

/// What every call throws that fails.
class Error : public std::runtime_error {
public:
    Error(int code, const std::string &why) : std::runtime_error(why), code_(code) {}

    /// A SALON_ERR_* code.
    int code() const noexcept { return code_; }

    /// The code in a few words.
    const char *name() const noexcept { return salon_strerror(code_); }

private:
    int code_;
};

namespace detail {

/// Passes an answer on, or throws what it says.
template <class Number> Number check(Number answer) {
    if (answer < 0)
        throw Error(static_cast<int>(answer), salon_last_error());
    return answer;
}

/// The same, where NOT_FOUND only means that there is none.
inline bool found(int answer) { return answer != SALON_ERR_NOT_FOUND && check(answer) >= 0; }

inline std::string_view view(const salon_bytes &bytes) noexcept {
    return {static_cast<const char *>(bytes.ptr), bytes.len};
}

/// The value that a call fills in, or nothing if there is none.
template <class Call> std::optional<std::string_view> value(Call &&call) {
    salon_bytes value = SALON_ZERO;
    if (!found(call(&value)))
        return std::nullopt;
    return view(value);
}

inline std::vector<std::string_view> views(const salon_bytes *list, int count) {
    std::vector<std::string_view> found;
    for (int at = 0; at < count; ++at)
        found.push_back(view(list[at]));
    return found;
}

inline salon_bytes bytes(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline void no_nul(std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
        throw Error(SALON_ERR_INVALID, "a name holds a zero byte");
}

/// A text with a zero byte behind it, as C wants it; short ones stay on the stack.
class Name {
public:
    explicit Name(std::string_view text) {
        no_nul(text);
        if (text.size() < short_.size()) {
            text.copy(short_.data(), text.size());
            short_[text.size()] = '\0';
        } else {
            long_.assign(text);
        }
    }
    Name(const Name &) = delete;
    Name &operator=(const Name &) = delete;

    operator const char *() const noexcept { return long_.empty() ? short_.data() : long_.c_str(); }

private:
    std::array<char, 64> short_;
    std::string long_;
};

/// A span in whole milliseconds, as C wants it. What is past is none, what is longer than C can say is its longest.
inline std::uint32_t milliseconds(std::chrono::milliseconds span, std::uint32_t longest = UINT32_MAX) noexcept {
    return static_cast<std::uint32_t>(std::clamp<std::chrono::milliseconds::rep>(span.count(), 0, longest));
}

inline std::vector<salon_bytes> list(const std::vector<std::string_view> &texts) {
    std::vector<salon_bytes> found;
    found.reserve(texts.size());
    for (std::string_view text : texts)
        found.push_back(bytes(text));
    return found;
}

/// Null stands for no arguments.
inline const char *args_ptr(std::string_view args) noexcept { return args.empty() ? nullptr : args.data(); }

/// Pointers to the texts of a list that stays where it is.
inline std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> found;
    found.reserve(texts.size());
    for (const std::string &text : texts)
        found.push_back(text.c_str());
    return found;
}

} // namespace detail

/// Reading and writing JSON without a library.
namespace json {

/// The JSON text of what a JSON Pointer (RFC 6901) names, such as "/0/token"; it lies within `json`.
inline std::optional<std::string_view> get(std::string_view json, std::string_view pointer) {
    const detail::Name name(pointer);
    return detail::value([&](salon_bytes *out) { return salon_json_get(json.data(), json.size(), name, out); });
}

/// The text that a JSON string stands for. Throws if it is none.
inline std::string text(std::string_view json) {
    std::string found(json.size() + 1, '\0');
    found.resize(static_cast<std::size_t>(
        detail::check(salon_json_text(json.data(), json.size(), found.data(), found.size()))));
    return found;
}

/// The value of a JSON number. Throws if it is none.
inline double number(std::string_view json) {
    double found = 0;
    detail::check(salon_json_number(json.data(), json.size(), &found));
    return found;
}

/// Writes JSON from a pattern: each `?` outside a string becomes the next text as a JSON string, each `#` the next one
/// as it is, which must be JSON itself. `bind(R"([{"from":?,"at":#}])", name, "12")` is safe whatever the name holds.
template <class... Texts> std::string bind(std::string_view pattern, const Texts &...texts) {
    const std::array<salon_bytes, sizeof...(Texts) + 1> list{detail::bytes(texts)..., salon_bytes{nullptr, 0}};
    const detail::Name format(pattern);
    std::string made(pattern.size() + (std::string_view(texts).size() + ... + 0) + 32, '\0');
    for (;;) {
        const auto need = static_cast<std::size_t>(
            detail::check(salon_json_bind(made.data(), made.size(), format, list.data(), sizeof...(Texts))));
        const bool fits = need < made.size();
        made.resize(fits ? need : need + 1);
        if (fits)
            return made;
    }
}

/// A text as a JSON string, quotes included.
inline std::string quote(std::string_view text) { return json::bind("?", text); }

} // namespace json

/// A salon_config with every default: `salon::Config config; config.flags = SALON_CONFIG_HTTP;`.
struct Config : salon_config {
    Config() : salon_config{} { size = sizeof(salon_config); }
};

/// A salon_namespace_config with every default.
struct Namespace : salon_namespace_config {
    Namespace() : salon_namespace_config{} { size = sizeof(salon_namespace_config); }
};

/// How a waiting client is let in.
struct Admission {
    /// The host's pointer for it.
    void *user = nullptr;
    /// Rooms that it is in before its CONNECT.
    std::vector<std::string> rooms = {};
    /// SALON_DIALECT_*, for a plain WebSocket.
    std::uint32_t dialect = SALON_DIALECT_DEFAULT;
    /// One of those that it offered; empty leaves the choice to the namespace.
    std::string subprotocol = {};
};

/// An outgoing event with everything said. Refers to texts that must live until it is sent.
struct Message {
    /// Event name.
    std::string_view name;
    /// JSON array of the arguments. Empty: none, or the attachments themselves.
    std::string_view args = {};
    /// Binary attachments, to which `args` refers by {"_placeholder":true,"num":0}.
    std::vector<std::string_view> attachments = {};
    /// SALON_MESSAGE_* bits.
    std::uint32_t flags = 0;
};

namespace detail {

/// A salon_message and what it points to.
class Sent {
public:
    explicit Sent(const Message &message, std::uint32_t ack_timeout_ms = 0)
        : name_(message.name), attachments_(list(message.attachments)) {
        raw_.size = sizeof raw_;
        raw_.name = name_;
        raw_.args = args_ptr(message.args);
        raw_.args_len = message.args.size();
        raw_.attachments = attachments_.data();
        raw_.attachment_count = attachments_.size();
        raw_.flags = message.flags;
        raw_.ack_timeout_ms = ack_timeout_ms;
    }

    const salon_message *raw() const noexcept { return &raw_; }

private:
    Name name_;
    std::vector<salon_bytes> attachments_;
    salon_message raw_ = SALON_ZERO;
};

} // namespace detail

/// A client in a namespace: a small value, to be copied and kept. It says nothing about whether the client is still
/// there: commands on one that has just left do nothing, later ones throw SALON_ERR_NOT_FOUND.
class Socket {
public:
    /// Nobody.
    Socket() = default;
    Socket(salon_server *server, salon_socket_id id) noexcept : server_(server), id_(id) {}

    /// Its number; zero is nobody.
    salon_socket_id id() const noexcept { return id_; }
    explicit operator bool() const noexcept { return id_ != 0; }
    friend bool operator==(Socket a, Socket b) noexcept { return a.id_ == b.id_; }
    friend bool operator!=(Socket a, Socket b) noexcept { return a.id_ != b.id_; }
    friend bool operator<(Socket a, Socket b) noexcept { return a.id_ < b.id_; }

    /// Sends an event; `args` is a JSON array. False if the client has just left.
    bool emit(std::string_view name, std::string_view args = "[]") const {
        return detail::check(
                   salon_socket_emit(server_, id_, detail::Name(name), detail::args_ptr(args), args.size())) > 0;
    }

    /// Sends an event and asks for an answer: one SALON_EVENT_ACK with the number returned comes, in time or not.
    std::uint64_t ask(const Message &message, std::chrono::milliseconds wait) const {
        std::uint64_t ack = 0;
        const detail::Sent sent(message);
        detail::check(salon_socket_emit_with_ack(server_, id_, sent.raw(), detail::milliseconds(wait), &ack));
        return ack;
    }

    /// Sends a raw message; `flags`: SALON_SEND_*. False if the client has just left.
    bool send(std::string_view data, std::uint32_t flags = SALON_SEND_TEXT) const {
        return detail::check(salon_socket_send(server_, id_, data.data(), data.size(), flags)) > 0;
    }

    /// Puts it in a room.
    void join(std::string_view room) const { detail::check(salon_socket_join(server_, id_, detail::Name(room))); }
    /// Takes it out of a room.
    void leave(std::string_view room) const { detail::check(salon_socket_leave(server_, id_, detail::Name(room))); }
    /// Takes it out of all rooms.
    void leave_all() const { detail::check(salon_socket_leave(server_, id_, nullptr)); }

    /// Disconnects it from its namespace; with `close`, a Socket.IO client from all and its connection, too.
    void disconnect(bool close = false) const { detail::check(salon_socket_disconnect(server_, id_, close)); }
    /// Disconnects it with a WebSocket close code and a text of at most 123 bytes, which a plain WebSocket is told.
    void disconnect_with(std::uint32_t code, std::string_view reason = {}) const {
        detail::check(salon_socket_disconnect_with(server_, id_, code, detail::Name(reason)));
    }

    /// Lets it in, if it waits.
    void accept() const { detail::check(salon_socket_accept(server_, id_, nullptr)); }
    /// Lets it in with rooms, a pointer and the like.
    void accept(const Admission &admission) const {
        const auto rooms = detail::pointers(admission.rooms);
        detail::no_nul(admission.subprotocol);
        salon_accept how = SALON_ZERO;
        how.size = sizeof how;
        how.user = admission.user;
        how.rooms = rooms.data();
        how.room_count = rooms.size();
        how.dialect = admission.dialect;
        how.subprotocol = admission.subprotocol.empty() ? nullptr : admission.subprotocol.c_str();
        detail::check(salon_socket_accept(server_, id_, &how));
    }
    /// Turns it away, if it waits: a plain WebSocket with the HTTP status, a Socket.IO client with the JSON value.
    void reject(std::string_view why, std::uint32_t status = 403, std::string_view json = {}) const {
        detail::check(salon_socket_reject(server_, id_, status, detail::Name(why), json.data(), json.size()));
    }

    /// The pointer that the host keeps with it, or null.
    template <class T = void> T *user() const noexcept { return static_cast<T *>(salon_socket_user(server_, id_)); }
    void set_user(void *user) const { detail::check(salon_socket_set_user(server_, id_, user)); }

    /// A header of the request by which it came, if it is kept. Upper and lower case are the same.
    std::optional<std::string_view> header(std::string_view name) const {
        const detail::Name wanted(name);
        return detail::value([&](salon_bytes *out) { return salon_socket_header(server_, id_, wanted, out); });
    }
    /// A query parameter of that request, decoded.
    std::optional<std::string_view> query(std::string_view key) const {
        const detail::Name wanted(key);
        return detail::value([&](salon_bytes *out) { return salon_socket_query(server_, id_, wanted, out); });
    }
    /// The target of that request: path and query.
    std::optional<std::string_view> url() const {
        return detail::value([&](salon_bytes *out) { return salon_socket_url(server_, id_, out); });
    }
    /// What a Socket.IO client gave as `auth` when it entered: a JSON object.
    std::string_view auth() const {
        salon_bytes value = SALON_ZERO;
        detail::check(salon_socket_auth(server_, id_, &value));
        return detail::view(value);
    }
    /// The rooms that it is in.
    std::vector<std::string_view> rooms() const {
        const salon_bytes *list = nullptr;
        const int count = detail::check(salon_socket_rooms(server_, id_, &list));
        return detail::views(list, count);
    }
    /// Its address, its protocol and what else is known.
    salon_socket_info describe() const {
        salon_socket_info info = SALON_ZERO;
        info.size = sizeof info;
        detail::check(salon_socket_describe(server_, id_, &info));
        return info;
    }
    /// Bytes that wait in its send queue.
    std::size_t queued() const { return static_cast<std::size_t>(detail::check(salon_socket_queued(server_, id_))); }

private:
    salon_server *server_ = nullptr;
    salon_socket_id id_ = 0;
};

namespace detail {

/// To whom: what Audience and RemoteAudience have in common.
template <class Self> class AudienceBase {
public:
    /// Adds the members of a room.
    Self &room(std::string_view name) { return add(rooms_, name); }
    /// Leaves out the members of a room.
    Self &except_room(std::string_view name) { return add(except_rooms_, name); }
    /// Adds one client. Nobody is a mistake, which the call tells: an audience of nobody would be everybody.
    Self &socket(Socket socket) { return add(sockets_, socket); }
    /// Leaves out one client; nobody is fine.
    Self &except(Socket socket) { return socket ? add(except_sockets_, socket) : static_cast<Self &>(*this); }

protected:
    AudienceBase() = default;
    explicit AudienceBase(std::string_view nsp) : nsp_(nsp) { no_nul(nsp); }

    /// Calls with the salon_audience that this describes.
    template <class Call> auto with(Call &&call) const {
        const auto rooms = pointers(rooms_), except_rooms = pointers(except_rooms_);
        salon_audience to = SALON_ZERO;
        to.size = sizeof to;
        to.nsp = nsp_ ? nsp_->c_str() : nullptr;
        to.rooms = rooms.data();
        to.room_count = rooms.size();
        to.except_rooms = except_rooms.data();
        to.except_room_count = except_rooms.size();
        to.sockets = sockets_.data();
        to.socket_count = sockets_.size();
        to.except_sockets = except_sockets_.data();
        to.except_socket_count = except_sockets_.size();
        return check(call(&to));
    }

private:
    Self &add(std::vector<std::string> &names, std::string_view name) {
        no_nul(name);
        names.emplace_back(name);
        return static_cast<Self &>(*this);
    }
    Self &add(std::vector<salon_socket_id> &ids, Socket socket) {
        ids.push_back(socket.id());
        return static_cast<Self &>(*this);
    }

    std::optional<std::string> nsp_;
    std::vector<std::string> rooms_, except_rooms_;
    std::vector<salon_socket_id> sockets_, except_sockets_;
};

} // namespace detail

/// To whom: `server.to("/chat").room("x").except(socket).emit("said", args)`. The union of the rooms and sockets, or
/// the whole namespace if none is named, less the excepted ones. Each client receives once.
class Audience : public detail::AudienceBase<Audience> {
public:
    explicit Audience(salon_server *server) : server_(server) {}
    Audience(salon_server *server, std::string_view nsp) : AudienceBase(nsp), server_(server) {}

    /// Sends an event; `args` is a JSON array. Answers for how many it was queued.
    int emit(std::string_view name, std::string_view args = "[]") const { return emit(Message{name, args}); }
    int emit(const Message &message) const {
        const detail::Sent sent(message);
        return with([&](const salon_audience *to) { return salon_server_emit(server_, to, sent.raw(), nullptr); });
    }
    /// Sends an event and asks each for an answer: a SALON_EVENT_ACK for each, then one SALON_EVENT_ACKS_DONE.
    std::uint64_t ask(const Message &message, std::chrono::milliseconds wait) const {
        std::uint64_t ack = 0;
        // To C, no time at all means that no answer is wanted.
        const detail::Sent sent(message, std::max<std::uint32_t>(detail::milliseconds(wait), 1));
        with([&](const salon_audience *to) { return salon_server_emit(server_, to, sent.raw(), &ack); });
        return ack;
    }
    /// Sends a raw message; `flags`: SALON_SEND_*.
    int send(std::string_view data, std::uint32_t flags = SALON_SEND_TEXT) const {
        return with([&](const salon_audience *to) {
            return salon_server_send(server_, to, data.data(), data.size(), flags);
        });
    }
    /// Puts everybody into a room, or nobody if that would be one too many for one.
    int join(std::string_view room) const {
        const detail::Name name(room);
        return with([&](const salon_audience *to) { return salon_audience_join(server_, to, name); });
    }
    /// Takes everybody out of a room.
    int leave(std::string_view room) const {
        const detail::Name name(room);
        return with([&](const salon_audience *to) { return salon_audience_leave(server_, to, name); });
    }
    /// Disconnects everybody.
    int disconnect() const {
        return with([&](const salon_audience *to) { return salon_audience_disconnect(server_, to); });
    }
    /// Who they are.
    std::vector<Socket> sockets() const {
        std::vector<salon_socket_id> ids(64);
        for (;;) {
            const auto count = static_cast<std::size_t>(with([&](const salon_audience *to) {
                return salon_audience_sockets(server_, to, ids.data(), ids.size());
            }));
            const bool all = count <= ids.size();
            ids.resize(count);
            if (all)
                break;
        }
        std::vector<Socket> found;
        found.reserve(ids.size());
        for (salon_socket_id id : ids)
            found.emplace_back(server_, id);
        return found;
    }

private:
    salon_server *server_;
};

/// One event: see salon_event_type for which of its parts tell something. To be copied freely; it and its texts stay
/// until the next poll() that starts a turn.
class Event {
public:
    Event(salon_server *server, const salon_event *raw) noexcept : server_(server), raw_(raw) {}

    /// A SALON_EVENT_*, or one that a later library has added.
    std::uint32_t type() const noexcept { return raw_->type; }
    /// A SALON_ERR_*, a SALON_REASON_* or a count, as the type tells.
    std::int32_t code() const noexcept { return raw_->code; }
    /// Whom it concerns, or nobody.
    Socket socket() const noexcept { return {server_, raw_->socket}; }
    /// For Server::answer(), or the number that ask() gave; or zero.
    std::uint64_t ack() const noexcept { return raw_->ack; }
    std::uint64_t tag() const noexcept { return raw_->tag; }
    /// SALON_EVENT_FLAG_* bits.
    std::uint32_t flags() const noexcept { return raw_->flags; }
    /// The pointer that the host keeps with the socket.
    template <class T = void> T *user() const noexcept { return static_cast<T *>(raw_->user); }
    /// Namespace.
    std::string_view nsp() const noexcept { return {raw_->nsp, raw_->nsp_len}; }
    /// Event name, room, or reason in words.
    std::string_view name() const noexcept { return {raw_->name, raw_->name_len}; }
    /// JSON text, or bytes.
    std::string_view data() const noexcept { return {raw_->data, raw_->data_len}; }
    std::size_t attachment_count() const noexcept { return raw_->attachment_count; }
    std::string_view attachment(std::size_t at) const {
        if (at >= raw_->attachment_count)
            throw Error(SALON_ERR_NOT_FOUND, "the event has no such attachment");
        return detail::view(raw_->attachments[at]);
    }
    /// A header of an HTTP request.
    std::optional<std::string_view> http_header(std::string_view name) const {
        const detail::Name wanted(name);
        return detail::value([&](salon_bytes *out) { return salon_http_header(server_, raw_->ack, wanted, out); });
    }
    /// A query parameter of an HTTP request, decoded.
    std::optional<std::string_view> http_query(std::string_view key) const {
        const detail::Name wanted(key);
        return detail::value([&](salon_bytes *out) { return salon_http_query(server_, raw_->ack, wanted, out); });
    }

    const salon_event *raw() const noexcept { return raw_; }
    salon_server *server() const noexcept { return server_; }

private:
    salon_server *server_;
    const salon_event *raw_;
};

/// The events of one poll, each of which can be taken once. Leaving the loop early loses nothing: the next poll()
/// gives the rest.
class Events {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Event;
        using difference_type = std::ptrdiff_t;
        using pointer = const Event *;
        using reference = const Event &;

        /// The end.
        iterator() noexcept : event_(nullptr, nullptr) {}
        explicit iterator(salon_server *server) : event_(server, salon_server_next_event(server)) {}

        reference operator*() const noexcept { return event_; }
        pointer operator->() const noexcept { return &event_; }
        iterator &operator++() {
            event_ = Event(event_.server(), salon_server_next_event(event_.server()));
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator &a, const iterator &b) noexcept {
            return a.event_.raw() == b.event_.raw();
        }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

    private:
        Event event_;
    };

    Events(salon_server *server, int count) noexcept : server_(server), count_(count) {}

    iterator begin() const { return iterator(server_); }
    iterator end() const noexcept { return {}; }
    /// How many were there to take.
    int size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }

private:
    salon_server *server_;
    int count_;
};

/// A door to a server for other threads. Move-only; may outlive the server: then its calls throw SALON_ERR_CLOSED.
class Remote;

/// To whom, from another thread; see Audience.
class RemoteAudience : public detail::AudienceBase<RemoteAudience> {
public:
    explicit RemoteAudience(const salon_remote *remote) : remote_(remote) {}
    RemoteAudience(const salon_remote *remote, std::string_view nsp) : AudienceBase(nsp), remote_(remote) {}

    /// Sends an event when the server's thread next polls, which this wakes.
    void emit(std::string_view name, std::string_view args = "[]") const { emit(Message{name, args}); }
    void emit(const Message &message) const {
        const detail::Sent sent(message);
        with([&](const salon_audience *to) { return salon_remote_emit(remote_, to, sent.raw()); });
    }
    /// Sends a raw message; `flags`: SALON_SEND_*.
    void send(std::string_view data, std::uint32_t flags = SALON_SEND_TEXT) const {
        with([&](const salon_audience *to) {
            return salon_remote_send(remote_, to, data.data(), data.size(), flags);
        });
    }

private:
    const salon_remote *remote_;
};

class Remote {
public:
    explicit Remote(salon_server *server) {
        salon_remote *made = nullptr;
        detail::check(salon_remote_new(server, &made));
        raw_.reset(made);
    }

    /// Makes a sleeping poll() return. Safe in a signal handler; false if the server is gone.
    bool wake() const noexcept { return salon_remote_wake(raw_.get()) >= 0; }
    /// Hands a number and some bytes to the server's thread, which gets them as SALON_EVENT_POST, in order.
    void post(std::uint64_t tag, std::string_view data = {}) const {
        detail::check(salon_remote_post(raw_.get(), tag, data.data(), data.size()));
    }
    /// Everybody, of all namespaces.
    RemoteAudience to() const { return RemoteAudience(raw_.get()); }
    /// A namespace, or what is chosen from it.
    RemoteAudience to(std::string_view nsp) const { return {raw_.get(), nsp}; }
    /// Lets a waiting client in.
    void accept(salon_socket_id socket, void *user = nullptr) const {
        detail::check(salon_remote_accept(raw_.get(), socket, user));
    }
    /// Turns a waiting client away.
    void reject(salon_socket_id socket, std::string_view why, std::uint32_t status = 403) const {
        detail::check(salon_remote_reject(raw_.get(), socket, status, detail::Name(why)));
    }
    void disconnect(salon_socket_id socket) const { detail::check(salon_remote_disconnect(raw_.get(), socket)); }
    /// Shuts the server down.
    void shutdown() const { detail::check(salon_remote_shutdown(raw_.get())); }
    /// The same; who is not gone after `grace` is cut off.
    void shutdown(std::chrono::milliseconds grace) const {
        detail::check(salon_remote_shutdown_within(raw_.get(), detail::milliseconds(grace)));
    }
    const salon_remote *raw() const noexcept { return raw_.get(); }

private:
    struct Free {
        void operator()(salon_remote *remote) const noexcept { salon_remote_free(remote); }
    };
    std::unique_ptr<salon_remote, Free> raw_;
};

/// All that can be asked of a server, without owning it: a small value, valid as long as the Server lives, also when
/// that is moved.
class ServerRef {
public:
    explicit ServerRef(salon_server *server) noexcept : server_(server) {}

    /// Listens on "host:port", "[v6]:port" or "unix:/path"; answers the port.
    std::uint16_t listen(std::string_view address) {
        std::uint16_t port = 0;
        detail::check(salon_server_listen(server_, detail::Name(address), &port));
        return port;
    }
    /// Takes over a socket that listens already.
    void listen_fd(int fd) { detail::check(salon_server_listen_fd(server_, fd)); }

    /// Does one turn, and waits for something to do: see salon_server_poll(). Ends the life of all earlier events.
    Events poll(int timeout_ms = SALON_FOREVER) {
        return {server_, detail::check(salon_server_poll(server_, timeout_ms))};
    }
    Events poll(std::chrono::milliseconds timeout) {
        return poll(static_cast<int>(detail::milliseconds(timeout, INT32_MAX)));
    }
    /// Writes out what is queued, as far as the network takes it.
    void flush() { detail::check(salon_server_flush(server_)); }
    /// Says goodbye to every client; SALON_EVENT_STOPPED comes when all are gone.
    void shutdown(std::chrono::milliseconds grace) {
        detail::check(salon_server_shutdown(server_, detail::milliseconds(grace)));
    }
    /// The descriptor for the host's own loop: see salon_server_fd(). Throws where there is none.
    int fd() { return detail::check(salon_server_fd(server_)); }
    /// How long that loop may sleep, or SALON_FOREVER: see salon_server_timeout_ms().
    int timeout_ms() const {
        const int timeout = salon_server_timeout_ms(server_);
        // For ever is the number of an error, too: that of no server.
        return timeout == SALON_FOREVER && server_ != nullptr ? timeout : detail::check(timeout);
    }

    /// Opens a namespace, or gives an open one another configuration.
    void open(std::string_view nsp, const salon_namespace_config &how = Namespace()) {
        detail::check(salon_namespace_open(server_, detail::Name(nsp), &how));
    }
    /// Lets namespaces that begin with `prefix` come about when the first client asks for one.
    void open_pattern(std::string_view prefix, const salon_namespace_config &how = Namespace()) {
        detail::check(salon_namespace_open_pattern(server_, detail::Name(prefix), &how));
    }
    /// Disconnects a namespace's clients and forgets it.
    void close(std::string_view nsp) { detail::check(salon_namespace_close(server_, detail::Name(nsp))); }
    /// The rooms of a namespace.
    std::vector<std::string_view> rooms(std::string_view nsp) {
        const salon_bytes *list = nullptr;
        const int count = detail::check(salon_namespace_rooms(server_, detail::Name(nsp), &list));
        return detail::views(list, count);
    }
    /// All namespaces, also those that a pattern has made.
    std::vector<std::string_view> namespaces() {
        const salon_bytes *list = nullptr;
        const int count = detail::check(salon_server_namespaces(server_, &list));
        return detail::views(list, count);
    }
    /// How many clients are in a namespace, or in one of its rooms.
    int count(std::string_view nsp) const {
        return detail::check(salon_room_count(server_, detail::Name(nsp), nullptr));
    }
    int count(std::string_view nsp, std::string_view room) const {
        return detail::check(salon_room_count(server_, detail::Name(nsp), detail::Name(room)));
    }

    /// Everybody, of all namespaces.
    Audience to() const { return Audience(server_); }
    /// A namespace, or what is chosen from it.
    Audience to(std::string_view nsp) const { return {server_, nsp}; }
    /// The client with a number that was kept.
    Socket socket(salon_socket_id id) const noexcept { return {server_, id}; }
    /// The client that knows itself by this name (salon_socket_info.sid), or nobody.
    Socket by_sid(std::string_view sid) const { return {server_, salon_socket_by_sid(server_, detail::Name(sid))}; }

    /// Answers a message whose ack() was not zero. `args` is a JSON array, which refers to attachments as that of a
    /// Message does; empty: none, or the attachments themselves.
    void answer(std::uint64_t ack, std::string_view args = "[]",
                const std::vector<std::string_view> &attachments = {}) {
        const auto list = detail::list(attachments);
        detail::check(
            salon_ack_answer(server_, ack, detail::args_ptr(args), args.size(), list.data(), list.size()));
    }
    /// Answers an HTTP request; `headers` are names and values. False if nobody waits any more.
    bool respond(std::uint64_t request, std::uint32_t status, std::string_view body = {},
                 const std::vector<std::pair<std::string, std::string>> &headers = {}) {
        std::vector<const char *> list;
        for (const auto &[name, value] : headers) {
            detail::no_nul(name);
            detail::no_nul(value);
            list.insert(list.end(), {name.c_str(), value.c_str()});
        }
        return detail::check(salon_http_respond(server_, request, status, list.data(), list.size(), body.data(),
                                                body.size())) > 0;
    }

    /// Raises SALON_EVENT_TIMER with `tag` after `delay`, then every `interval` if that is not zero.
    std::uint64_t start_timer(std::chrono::milliseconds delay, std::uint64_t tag,
                              std::chrono::milliseconds interval = {}) {
        std::uint64_t timer = 0;
        detail::check(
            salon_timer_start(server_, detail::milliseconds(delay), detail::milliseconds(interval), tag, &timer));
        return timer;
    }
    void stop_timer(std::uint64_t timer) { detail::check(salon_timer_stop(server_, timer)); }

    /// Counters since the start, and gauges of now.
    salon_stats stats() const {
        salon_stats stats = SALON_ZERO;
        stats.size = sizeof stats;
        detail::check(salon_server_stats(server_, &stats));
        return stats;
    }
    /// A door for other threads.
    Remote remote() const { return Remote(server_); }
    salon_server *raw() const noexcept { return server_; }

protected:
    salon_server *server_;
};

/// The chat engine. Move-only; sockets, audiences, gateways and remotes stay good when it is moved. Its end closes
/// everything at once; shutdown() and polling until SALON_EVENT_STOPPED is the way by which every socket gets its
/// DISCONNECT.
class Server : public ServerRef {
public:
    /// Throws SALON_ERR_STATE if the library that is loaded has another binary interface than this header.
    explicit Server(const salon_config &config = Config()) : ServerRef(nullptr) {
        if (salon_abi_version() != SALON_ABI_VERSION)
            throw Error(SALON_ERR_STATE, "the Salon library that is loaded does not fit the header: its interface is " +
                                             std::to_string(salon_abi_version()) + ", the header's " +
                                             std::to_string(SALON_ABI_VERSION));
        detail::check(salon_server_new(&config, &server_));
    }
    Server(Server &&other) noexcept : ServerRef(std::exchange(other.server_, nullptr)) {}
    Server &operator=(Server &&other) noexcept {
        Server moved(std::move(other));
        std::swap(server_, moved.server_);
        return *this;
    }
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;
    ~Server() { salon_server_free(server_); }
};

/// What a gateway's handler throws to tell the client: its text is what the client reads.
class Exception : public std::runtime_error {
public:
    /// `status` is the HTTP status for a client that is not in yet, if a guard throws.
    explicit Exception(const std::string &message, std::uint32_t status = 403)
        : std::runtime_error(message), status_(status) {}

    std::uint32_t status() const noexcept { return status_; }

private:
    std::uint32_t status_;
};

/// What a handler gives back that wants an event sent to the client instead of an ack.
struct Reply {
    std::string name;
    /// JSON array of the arguments.
    std::string args = "[]";
};

/// What a guard says: true or false, or why not.
class Verdict {
public:
    Verdict(bool yes) : kind_(yes ? Kind::yes : Kind::no) {}
    /// No, and why.
    Verdict(const char *why) : kind_(Kind::no), why_(why) {}
    Verdict(std::string why, std::uint32_t status = 403)
        : kind_(Kind::no), why_(std::move(why)), status_(status) {}
    /// Yes, with rooms, a pointer and the like. For connections only.
    Verdict(Admission admission) : kind_(Kind::yes), admission_(std::move(admission)) {}

    /// The host calls Socket::accept() or reject() itself when it knows. For connections only.
    static Verdict later() {
        Verdict verdict(false);
        verdict.kind_ = Kind::later;
        return verdict;
    }

private:
    friend class Gateway;
    enum class Kind { yes, no, later };

    Kind kind_;
    std::string why_ = "Forbidden resource";
    std::uint32_t status_ = 403;
    std::optional<Admission> admission_;
};

/// What a handler, guard, hook or filter is called with: the event and the client behind it. It stays no longer than
/// the call, the event's texts until the next poll().
class Call {
public:
    explicit Call(const Event &event) : event_(event) {}
    Call(const Call &) = delete;
    Call &operator=(const Call &) = delete;

    const Event &event() const noexcept { return event_; }
    Socket socket() const noexcept { return event_.socket(); }
    ServerRef server() const noexcept { return ServerRef(event_.server()); }
    std::string_view nsp() const noexcept { return event_.nsp(); }
    /// The event's name.
    std::string_view name() const noexcept { return event_.name(); }
    /// JSON: the array of the arguments; for connections, what the client sent to identify itself.
    std::string_view data() const noexcept { return event_.data(); }
    /// The pointer that the host keeps with the client.
    template <class T = void> T *user() const noexcept { return event_.user<T>(); }

    /// The part of the data that a JSON Pointer names: "/0/text" is `text` of the first argument.
    std::optional<std::string_view> get(std::string_view pointer) const { return json::get(event_.data(), pointer); }
    /// The same for a string; throws an Exception that tells the client what is missing.
    std::string text(std::string_view pointer) const {
        const auto found = get(pointer);
        if (!found || found->empty() || found->front() != '"')
            throw Exception("a text is expected at " + std::string(pointer), 400);
        return json::text(*found);
    }
    /// The same for a number.
    double number(std::string_view pointer) const {
        const auto found = get(pointer);
        if (!found || found->empty() || (found->front() != '-' && (found->front() < '0' || found->front() > '9')))
            throw Exception("a number is expected at " + std::string(pointer), 400);
        return json::number(*found);
    }

    /// Everybody in the client's namespace, or what is chosen from it.
    Audience to() const { return {event_.server(), event_.nsp()}; }
    /// Sends an event to the client.
    bool emit(std::string_view name, std::string_view args = "[]") const { return socket().emit(name, args); }

    /// Does the client wait for an ack that nobody has given yet?
    bool wants_ack() const noexcept { return event_.type() == SALON_EVENT_MESSAGE && event_.ack() != 0 && !taken_; }
    /// Answers at once, as ServerRef::answer().
    void answer(std::string_view args, const std::vector<std::string_view> &attachments = {}) {
        if (!wants_ack())
            return;
        server().answer(event_.ack(), args, attachments);
        taken_ = true; // Not before: if it throws, the client still waits, and may be told.
    }
    /// Takes the duty to answer: the host calls Server::answer() with this number when it knows. Zero if the client
    /// wants none.
    std::uint64_t take_ack() noexcept {
        const std::uint64_t ack = wants_ack() ? event_.ack() : 0;
        taken_ = true;
        return ack;
    }

private:
    Event event_;
    bool taken_ = false;
};

/// A handler that gets its arguments checked and converted: `gateway.on("/", "move", salon::piped(parse, move))` calls
/// `move(call, parse(call))`. What `parse` throws goes to the filter.
template <class Parse, class Handle> auto piped(Parse parse, Handle handle) {
    return [parse = std::move(parse), handle = std::move(handle)](Call &call) mutable {
        return handle(call, parse(call));
    };
}

/// Handlers for each namespace and event name, in the manner of NestJS's gateways; Socket.IO and plain WebSocket
/// clients are served alike:
///
///     salon::Gateway gateway(server);
///     gateway.guard("/chat", [](salon::Call &call) { return call.get("/token") == R"("secret")"; });
///     gateway.on("/chat", "say", [](salon::Call &call) -> std::optional<std::string> {
///         call.to().except(call.socket()).emit("said", call.data());
///         return R"({"ok":true})"; // the ack's one argument, if the client asked for an ack
///     });
///     gateway.run();
///
/// A handler gives back JSON (a std::string, an optional one or a const char *), which is the ack's one argument; or a
/// Reply, an event that is sent to the client instead; or nothing. Whatever it throws goes through the filter.
///
/// A namespace that ends in `*` stands for all that begin alike: "/room-*". The server must outlive the gateway; nothing
/// may be added from inside a handler.
class Gateway {
public:
    /// What a handler gave back.
    struct Answer {
        std::optional<std::string> ack;
        std::optional<Reply> reply;
    };
    using Handler = std::function<Answer(Call &)>;
    using Hook = std::function<void(Call &)>;
    using Guard = std::function<Verdict(Call &)>;
    /// Makes of what was thrown the JSON that the client gets, as the event `exception` or its ack's one argument.
    using Filter = std::function<std::optional<std::string>(Call &, std::exception_ptr)>;
    /// Gets the answer to a question: its code says whether one came.
    using Answered = std::function<void(const Event &)>;

    explicit Gateway(ServerRef server) : server_(server.raw()) {}
    Gateway(Gateway &&) = default;
    Gateway &operator=(Gateway &&) = default;

    /// Opens a namespace with options. Without this, one that a handler is given for is opened with the defaults,
    /// unless the server has it already. A pattern always is, so its options belong here.
    Gateway &open(std::string_view nsp, const salon_namespace_config &how = Namespace()) {
        place_of(nsp, &how);
        return *this;
    }

    /// Sets the handler of an event.
    template <class F> Gateway &on(std::string_view nsp, std::string_view name, F handler) {
        place_of(nsp).handlers.insert_or_assign(std::string(name), adapt(std::move(handler)));
        return *this;
    }
    /// Sets the handler of all events of a namespace that have none of their own. It gets raw messages, too.
    template <class F> Gateway &on_any(std::string_view nsp, F handler) {
        place_of(nsp).any = adapt(std::move(handler));
        return *this;
    }
    /// Runs once: when run() begins, before the first poll; in a loop of the host's own, before the first event that
    /// handle() gets.
    Gateway &on_init(std::function<void(ServerRef)> hook) {
        init_.push_back(std::move(hook));
        return *this;
    }
    /// Runs when a client is in. If it throws, the client is told and disconnected, and no handler gets what it has
    /// sent meanwhile.
    Gateway &on_connect(std::string_view nsp, Hook hook) {
        place_of(nsp).connect.push_back(std::move(hook));
        return *this;
    }
    /// Runs when a client is gone, also one that a guard turned away: `call.event().code()` says why. So what a guard
    /// has made for a client can be freed here, and only here; but not if `call.event().flags()` holds
    /// SALON_EVENT_FLAG_MAY_RETURN, as it may with SALON_CONFIG_RECOVERY. Then the pointer stays for the client that
    /// comes back, or is to be freed at SALON_EVENT_EXPIRED, which is the host's: handle() does not take it.
    Gateway &on_disconnect(std::string_view nsp, Hook hook) {
        place_of(nsp).disconnect.push_back(std::move(hook));
        return *this;
    }
    /// Asks before a client comes in. All guards of a namespace must say yes, and what one throws is a no; if one says
    /// Verdict::later() and none says no, the host decides. Of several Admissions the last one holds.
    /// The first guard opens the namespace anew, with what Gateway::open() was given: give options there, not to the
    /// server.
    Gateway &guard(std::string_view nsp, Guard guard) {
        Place &place = place_of(nsp);
        if ((place.how.flags & SALON_NAMESPACE_GUARDED) == 0) {
            Namespace guarded = place.how;
            guarded.flags |= SALON_NAMESPACE_GUARDED;
            open_on_server(nsp, guarded);
            place.how = guarded;
        }
        place.guards.push_back(std::move(guard));
        return *this;
    }
    /// Asks before an event is handled. A no goes to the filter as an Exception.
    Gateway &guard(std::string_view nsp, std::string_view name, Guard guard) {
        place_of(nsp).event_guards.emplace_back(std::string(name), std::move(guard));
        return *this;
    }
    /// Asks before any event of a namespace is handled.
    Gateway &guard_events(std::string_view nsp, Guard guard) { return this->guard(nsp, {}, std::move(guard)); }
    /// Replaces what turns something thrown into the client's message. `nullopt` tells the client nothing. What the
    /// filter throws itself leaves handle() and run().
    Gateway &filter(Filter filter) {
        filter_ = std::move(filter);
        return *this;
    }

    /// Asks a client, and calls back with the answer, or with SALON_ERR_TIMEOUT or SALON_ERR_CLOSED as its code.
    void ask(Socket socket, const Message &message, std::chrono::milliseconds wait, Answered answered) {
        questions_.emplace(socket.ask(message, wait), std::move(answered));
    }

    /// Handles one event. False if nothing here is for it: then it is the host's.
    bool handle(const Event &event) {
        begin();
        switch (event.type()) {
        case SALON_EVENT_CONNECT_REQUEST:
            return decide(event);
        case SALON_EVENT_CONNECT:
            return connected(event);
        case SALON_EVENT_DISCONNECT:
            return disconnected(event);
        case SALON_EVENT_MESSAGE:
        case SALON_EVENT_DATA:
            return message(event);
        case SALON_EVENT_ACK:
            return answered(event);
        default:
            return false;
        }
    }

    /// Polls and handles until the server is shut down.
    void run() {
        run([](const Event &) {});
    }
    /// The same; `other` gets the events that nothing here is for: timers, posts, HTTP requests.
    template <class Other> void run(Other &&other) {
        begin();
        for (ServerRef server(server_);;)
            for (const Event &event : server.poll()) {
                if (!handle(event))
                    other(event);
                if (event.type() == SALON_EVENT_STOPPED)
                    return;
            }
    }

    /// The filter that is there from the start: the text of an Exception, "Internal server error" for all else.
    static std::optional<std::string> default_filter(Call &, std::exception_ptr thrown) {
        try {
            try {
                std::rethrow_exception(thrown);
            } catch (const Exception &exception) {
                return error(exception.what());
            }
        } catch (...) {
            // Also for a text that is not UTF-8, say because it quotes a header.
            return error("Internal server error");
        }
    }
    /// {"status":"error","message":...}
    static std::string error(std::string_view message) {
        return json::bind(R"({"status":"error","message":?})", message);
    }

private:
    /// What there is for a namespace.
    struct Place {
        Namespace how;
        std::map<std::string, Handler, std::less<>> handlers;
        Handler any;
        std::vector<Hook> connect, disconnect;
        std::vector<Guard> guards;
        std::vector<std::pair<std::string, Guard>> event_guards;
        std::vector<std::string> subprotocols;
        std::vector<const char *> subprotocol_list;
        std::vector<std::uint32_t> subprotocol_dialects;
    };

    template <class F> static Handler adapt(F handler) {
        using Given = std::invoke_result_t<F &, Call &>;
        return [handler = std::move(handler)](Call &call) mutable -> Answer {
            if constexpr (std::is_void_v<Given>) {
                handler(call);
                return {};
            } else if constexpr (std::is_same_v<Given, Reply> || std::is_same_v<Given, std::optional<Reply>>) {
                return {std::nullopt, handler(call)};
            } else {
                static_assert(std::is_convertible_v<Given, std::optional<std::string>>,
                              "a handler gives back JSON as a std::string, an optional one, a salon::Reply or nothing");
                return {handler(call), std::nullopt};
            }
        };
    }

    /// The entry of a namespace, which is opened if need be.
    Place &place_of(std::string_view nsp, const salon_namespace_config *how = nullptr) {
        const auto known = places_.find(nsp);
        Namespace wanted;
        if (how != nullptr)
            static_cast<salon_namespace_config &>(wanted) = *how;
        if (known != places_.end())
            wanted.flags |= known->second.how.flags & SALON_NAMESPACE_GUARDED;
        // Opened first and noted then: what the server refuses has changed nothing here.
        if (how != nullptr || (known == places_.end() && !exists(nsp)))
            open_on_server(nsp, wanted);
        Place &place = places_.try_emplace(std::string(nsp)).first->second;
        if (how != nullptr) {
            // Kept: a guard that is added later opens the namespace again.
            place.how = wanted;
            place.subprotocols.assign(how->subprotocols, how->subprotocols + how->subprotocol_count);
            place.subprotocol_list = detail::pointers(place.subprotocols);
            place.how.subprotocols = place.subprotocol_list.data();
            if (const std::uint32_t *dialects = how->subprotocol_dialects) {
                place.subprotocol_dialects.assign(dialects, dialects + how->subprotocol_count);
                place.how.subprotocol_dialects = place.subprotocol_dialects.data();
            }
        }
        return place;
    }

    bool exists(std::string_view nsp) const {
        return detail::found(salon_room_count(server_, detail::Name(nsp), nullptr));
    }

    void open_on_server(std::string_view nsp, const Namespace &how) {
        if (is_pattern(nsp))
            ServerRef(server_).open_pattern(nsp.substr(0, nsp.size() - 1), how);
        else
            ServerRef(server_).open(nsp, how);
    }

    static bool is_pattern(std::string_view nsp) noexcept { return !nsp.empty() && nsp.back() == '*'; }

    /// What there is for the namespace of an event: by its own name, or by the longest pattern.
    Place *place_for(std::string_view nsp) {
        if (const auto found = places_.find(nsp); found != places_.end())
            return &found->second;
        Place *best = nullptr;
        std::size_t longest = 0;
        for (auto &[name, place] : places_) {
            if (!is_pattern(name) || name.size() <= longest)
                continue;
            const auto prefix = std::string_view(name).substr(0, name.size() - 1);
            if (nsp.substr(0, prefix.size()) == prefix) {
                best = &place;
                longest = name.size();
            }
        }
        return best;
    }

    void begin() {
        if (begun_)
            return;
        begun_ = true;
        for (const auto &hook : init_)
            hook(ServerRef(server_));
    }

    bool decide(const Event &event) {
        Place *place = place_for(event.nsp());
        if (place == nullptr || place->guards.empty())
            return false;
        Call call(event);
        try {
            try {
                Admission admission;
                bool later = false;
                for (const Guard &guard : place->guards) {
                    Verdict verdict = guard(call);
                    if (verdict.kind_ == Verdict::Kind::no)
                        throw Exception(verdict.why_, verdict.status_);
                    later = later || verdict.kind_ == Verdict::Kind::later;
                    if (verdict.admission_)
                        admission = std::move(*verdict.admission_);
                }
                if (!later)
                    call.socket().accept(admission);
            } catch (const Exception &exception) {
                call.socket().reject(exception.what(), exception.status());
            }
        } catch (...) {
            // There is no client yet whom the filter's answer could be told, but the filter may want to know.
            filter_(call, std::current_exception());
            try {
                call.socket().reject("Internal server error", 500);
            } catch (const Error &error) {
                // Of a guard that has let it in by itself, the filter has heard. It does not end the loop.
                if (error.code() != SALON_ERR_STATE) throw;
            }
        }
        return true;
    }

    bool connected(const Event &event) {
        Place *place = place_for(event.nsp());
        if (place == nullptr || place->connect.empty())
            return false;
        Call call(event);
        try {
            for (const Hook &hook : place->connect)
                hook(call);
        } catch (...) {
            tell(call, std::current_exception());
            call.socket().disconnect();
            turned_away_.insert(call.socket().id());
        }
        return true;
    }

    bool disconnected(const Event &event) {
        turned_away_.erase(event.socket().id());
        Place *place = place_for(event.nsp());
        if (place == nullptr || place->disconnect.empty())
            return false;
        Call call(event);
        for (const Hook &hook : place->disconnect)
            try {
                hook(call);
            } catch (...) {
                filter_(call, std::current_exception());
            }
        return true;
    }

    bool message(const Event &event) {
        // Of the same turn as its CONNECT.
        if (turned_away_.count(event.socket().id()) != 0)
            return true;
        Place *place = place_for(event.nsp());
        if (place == nullptr)
            return false;
        const Handler *handler = &place->any;
        if (event.type() == SALON_EVENT_MESSAGE)
            if (const auto found = place->handlers.find(event.name()); found != place->handlers.end())
                handler = &found->second;
        if (!*handler)
            return false;
        Call call(event);
        try {
            for (const auto &[name, guard] : place->event_guards)
                if (name.empty() || name == event.name())
                    if (Verdict verdict = guard(call); verdict.kind_ != Verdict::Kind::yes)
                        throw Exception(verdict.why_, verdict.status_);
            const Answer answer = (*handler)(call);
            if (answer.ack)
                call.answer("[" + *answer.ack + "]");
            if (answer.reply)
                call.emit(answer.reply->name, answer.reply->args);
        } catch (...) {
            tell(call, std::current_exception());
        }
        return true;
    }

    bool answered(const Event &event) {
        const auto question = questions_.extract(event.ack());
        if (question.empty())
            return false;
        Call call(event);
        try {
            question.mapped()(event);
        } catch (...) {
            tell(call, std::current_exception());
        }
        return true;
    }

    /// Lets the filter make a message of what was thrown, and sends it.
    void tell(Call &call, std::exception_ptr thrown) {
        const std::optional<std::string> json = filter_(call, std::move(thrown));
        if (!json)
            return;
        try {
            if (call.wants_ack())
                call.answer("[" + *json + "]");
            else
                call.emit("exception", "[" + *json + "]");
        } catch (const Error &error) {
            // A client that has left or reads too slowly is no fault of the host's.
            if (error.code() == SALON_ERR_INVALID || error.code() <= SALON_ERR_BUSY)
                throw;
        }
    }

    salon_server *server_;
    std::map<std::string, Place, std::less<>> places_;
    std::vector<std::function<void(ServerRef)>> init_;
    std::map<std::uint64_t, Answered> questions_;
    std::set<salon_socket_id> turned_away_;
    Filter filter_ = default_filter;
    bool begun_ = false;
};

} // namespace salon

#endif // SALON_HPP
