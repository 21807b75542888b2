// Package control is the socket through which an operator looks after a running daemon: JSON over HTTP/1.1 on a Unix socket. [Listen] makes the
// socket, [Serve] serves it, [Client] asks it. The commands of yodeld are made of it, and so may scripts be:
//
//	curl --unix-socket /run/yodel/control.sock http://yodeld/v1/status
//	curl --unix-socket /run/yodel/control.sock --json '{"nick": "alice", "reason": "noise"}' http://yodeld/v1/kick
//
// # The socket
//
// Its mode is 0660 and its group that of the process (yodel, as the packages set it up); the system's checks of them are the only ones: who can open the socket
// administers the daemon. It is bound under another name, has its mode before it listens, and is renamed then: so nobody finds it open to all, and one
// that a daemon has left there is replaced at once. A socket on which another daemon listens is not touched, nor is what is no socket. It is removed at the
// end. A path longer than an address may be is used by the folder's descriptor in /proc.
//
// # Routes
//
//	GET  /v1/status      daemon.Status
//	GET  /v1/rooms       [daemon.RoomStatus …], by name
//	GET  /v1/peers       [daemon.PeerStatus …], by nick; what is null is not known
//	GET  /v1/keys        [access.KeyInfo …]
//	GET  /v1/bans        [access.BanInfo …]
//	GET  /v1/invites     [access.InviteInfo …], those that let somebody in
//	POST /v1/kick        KickRequest → KickAnswer
//	POST /v1/bans        BanRequest → BanAnswer
//	POST /v1/unban       UnbanRequest → {}
//	POST /v1/keys/allow  AllowRequest → {}
//	POST /v1/keys/deny   DenyRequest → DenyAnswer
//	POST /v1/invites     InviteRequest → InviteAnswer; 409 where access is known
//	POST /v1/invites/revoke  RevokeRequest → RevokeAnswer
//	POST /v1/rooms/set   RoomRequest → {}
//	POST /v1/stop        {} → StopAnswer; the daemon ends after it
//	GET  /metrics        the metrics page, when the server has one
//
// A body is one JSON object of application/json without unknown fields. An answer has status 200, or one of these with {"error": "what is wrong"}: 400 bad
// request, 404 no such path, or nobody of that name, 405 wrong method, 409 the daemon will not do that, 500 it could not, 503 it is ending, has too many
// requests or unread answers, or did not come to it in 10 s (then it may do it later). What a client has asked for that has hung up before its turn is not done. Every answer has the header Yodel-Control: 1.
//
// Each change is in the daemon's log: "operator" with what was done, and the uid at the other end of the socket (SO_PEERCRED). An invite's token is not,
// but its ID, by which it is taken back.
//
// # Limits
//
// A request has 8 KiB of headers and 64 KiB of body at most, 10 s to come, 10 s to be worked on and 20 s for its answer to be read; 128 connections are
// open at once and 8 requests worked on, and others wait. A request has its turn when all of it is there, and until its answer is made; of long answers
// 64 MiB wait to be read. For a new connection the one gives way that has asked for nothing for the longest time, a second or more. Lists are made by the daemon's loop in chunks (daemon/operator.go), so none of this stops it.
//
// # Goroutines
//
// One accepts, one serves each connection; all have ended when Close returns, at most a second after it was called.
package control
