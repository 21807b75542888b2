// Package netem is a netem in user space: it joins fresh network namespaces by TUN devices and passes the IP packets between them
// with loss, bursts, delay, jitter, reordering, duplicates, corruption, a rate limit, black-outs, a NAT that rebinds and a path MTU,
// each direction by itself, seeded, and changeable while it runs. Real programs and sockets in one namespace reach those in another
// through it. It is a test tool and no part of Yodel's binaries. Linux only; it needs root, /dev/net/tun and the ip command.
//
//	inside, err := netem.NewNamespace()
//	outside, err := netem.NewNamespace()
//	link, err := netem.Connect(netem.Config{A: inside, B: outside, Seed: 7})
//	link.SetBoth(netem.Impairment{Profile: fates.Profile{Loss: 0.2, Delay: 30 * time.Millisecond}})
//	err = inside.Do(func() error { conn, err = net.DialUDP("udp", nil, to); return err }) // conn lives in that namespace
//	err = outside.Start(exec.Command("yodeld", "serve"))                                  // so does this process
//
// # Names
//
// A namespace has no name: this process holds it by a descriptor, and so it ends with the process in whatever way that ends. Nothing
// is left to clean up, and processes cannot get in each other's way. Children that Namespace.Start has started are killed with
// the process. `nsenter --net=/proc/PID/fd/N` looks into one by hand (Namespace.Path tells N).
//
// # Addresses
//
// The n-th link of a namespace is device "w<n>", from 1, and has the networks 10.77.n.0/24 and, where the kernel has IPv6,
// fd77:0:0:n::/64: .1 and ::1 for side A, .2 and ::2 for side B. n is the same at both ends. The devices say nothing by
// themselves (no link-local address, no multicast), so that the counts hold only what programs sent.
//
// # The way of a packet
//
//	TUN ─► black-out ─► NAT ─► path MTU ─► bottleneck (rate, bounded queue) ─► dice: loss, copies, bits ─► delay (fates.Queue) ─► TUN
//
// Each step may drop it, and counts that. The black-out holds for what starts: what is on its way is delivered. The NAT is
// that of side A: UDP from A leaves with another source address and port, the same for all destinations, and what comes for that
// address goes back to A; Rebind forgets all that and hands out new ones, as a home router does after a restart. Other protocols do not pass a
// link with NAT.
//
// # Goroutines
//
//	goroutine       started by     owns                           stopped by
//	worker          NewNamespace   an OS thread in the namespace  Namespace.Close
//	reader, two     Connect        reads of a TUN, its dice       Link.Close
//	runner, two     Connect        what is on its way             Link.Close
//
// A link has one mutex, over impairments, black-outs, the bottleneck's clock and the NAT; it is never held while anything waits.
package netem
