// Command benchloss prints how messages get over a lossy path: wire/stream under the protection of wire/secure, kernel TCP
// (TCP_NODELAY) and quic-go (one stream), side by side in one run, for each loss on links of package netem of their own. It needs root and
// Linux, as netem does; `make bench-loss` runs it.
//
//	benchloss [-n 1000] [-rate 100] [-size 200] [-loss 0,5,20,40] [-seed N] [-check] [-json]
//
// A row tells of the time from Send to Receive, of one clock as both ends are in this process, and of the IP packets
// sent both ways from the first message until the last acknowledgement, lost ones and bare acknowledgements included, per message. TCP and quic-go
// frame the messages by a length of 4 bytes. Connections are made before loss is switched on and are not counted.
//
//	sender (own pace) ─► protocol ─► socket in namespace A ─► netem ─► socket in namespace B ─► protocol ─► latency
//
// The seed decides the fates of the n-th packet of each direction; it is printed. The time in which a busy machine answers a
// timer is measured beside it (column lag: how late the sender was, at the 99th percentile), and a note is printed if that spoils the
// figures. With -check the program exits 1 when a row of yodel breaks a bar (bars.go).
//
//	goroutine      started by  does                                            stopped by
//	one a protocol run         one row                                         its last message, or 60 s
//	pacer          protocol    sends the messages on time                      the last message
//	writer         TCP, QUIC   writes them, which may wait for the window      the pacer's end
//	loop, two      yodel       owns a stream and its keys                      the last acknowledgement
//	reader, 1 or 2 protocol    reads a socket or stream                        closing it
package main
