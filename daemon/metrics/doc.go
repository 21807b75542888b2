// Package metrics shows a daemon's figures to Prometheus, and tells over HTTP whether the daemon works.
//
// [Mux] is all of it: GET /metrics gives the figures as Prometheus text, GET /healthz 200 and "ok" while the daemon works and stores messages, else
// 503 and why not. [Handler] and [Health] are the two alone, for a server that has more to show. Nothing is kept: each scrape asks the daemon for its
// [daemon.Stats], waits for them 2 s at most, and gives yodel_up 0 in place of all that is the daemon's when none came. Four requests are answered at a
// time, others get 503.
//
//	yodel_up                                   1 while the daemon's loop, readers and pumps go on
//	yodel_build_info{version,goversion}        1
//	yodel_datagrams_received_total{kind}       datagrams that came in; kind: stun, dtls, rtp_audio, rtp_message, rtcp, unknown
//	yodel_received_bytes_total{kind}           bytes of their payloads
//	yodel_datagrams_sent_total{kind}           datagrams that were given to the kernel
//	yodel_sent_bytes_total{kind}               bytes of their payloads
//	yodel_drops_total{reason}                  what went no further or had to wait; the reasons are those of the log's line "dropped"
//	yodel_handshakes_total{outcome}            begun, done, failed, replaced (by another from the same address), cut_short (to make room)
//	yodel_handshakes_running                   handshakes under way
//	yodel_sessions                             sessions that have said Hello
//	yodel_rooms                                rooms with somebody in them, a voice, or by configuration
//	yodel_members                              sessions in rooms; a session counts in each room that it is in
//	yodel_voices                               talkspurts that are open or not played out
//	yodel_talkers                              talkspurts in which somebody talks
//	yodel_echo_packets, yodel_echo_bytes       voice packets in the delay lines, and what they take
//	yodel_echo_limit_bytes                     what they may take
//	yodel_resends_asked_total{path}            voice packets asked for again; path: up (by the daemon, of talkers), down (by listeners, of the daemon)
//	yodel_resends_answered_total{path}         those that came, and those that were sent
//	yodel_resends_refused_total{path}          those that were not sent; only down is known
//	yodel_voice_packets_received_total         voice packets of talkspurts that are over
//	yodel_voice_packets_lost_total             those that never came
//	yodel_receipts_total                       receipts given
//	yodel_refusals_total{code}                 requests refused; code: access, limit, nick_taken, read_only, …
//	yodel_messages_stored_total                messages committed to the room log
//	yodel_messages_repeated_total              messages that were there already
//	yodel_commits_total                        transactions with messages
//	yodel_commit_seconds                       histogram: from the taking of a message to its commit
//	yodel_waiting_messages, _waiting_bytes     messages that wait for the disk, and their bodies
//	yodel_log_writable                         1 while the room log stores messages
//	yodel_rtt_seconds                          histogram: round-trip times of sessions, once a report
//	yodel_loss_ratio{path}                     histogram: loss of voices between two reports, before repair; up: from talkers, down: to listeners
//	go_*, process_*                            of the Go runtime and the process
//
// A handler has no goroutine but that of a request, which ends within 5 s.
package metrics
