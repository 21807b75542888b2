package stream

// Stats counts since the stream began. Packets are message packets.
type Stats struct {
	MessagesSent, MessagesReceived uint64

	PacketsSent   uint64 // with Probes
	Probes        uint64
	ChunksResent  uint64
	Repeats       uint64 // chunks sent again before they were found lost
	PacketsLost   uint64 // declared lost
	Spurious      uint64 // declared lost and acknowledged after all
	ReportsHeard  uint64
	ReportsSent   uint64
	PacketsHeard  uint64
	Duplicates    uint64  // packets that came twice or brought nothing new
	Full          uint64  // packets dropped for want of room; they come again
	Refused       uint64  // packets and reports that break the rules
	WindowBytes   int     // congestion window now
	InFlightBytes int     // now
	LossRate      float64 // measured, 0 to 1; 0 on a path that counts as clean
}

// Stats gives the counters.
func (s *Stream) Stats() Stats {
	stats := s.stats
	stats.MessagesReceived = s.in.received
	stats.WindowBytes = s.window()
	stats.InFlightBytes = s.reno.inFlight
	if s.history.repeats() > 0 {
		stats.LossRate = s.history.rate()
	}
	return stats
}
