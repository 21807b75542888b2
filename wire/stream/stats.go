package stream

// Stats counts since the stream began. Packets are message packets.
type Stats struct {
	PacketsSent  uint64 // with Probes
	Probes       uint64
	ChunksResent uint64
	Repeats      uint64 // chunks sent again before they were found lost
	PacketsLost  uint64 // declared lost
	Spurious     uint64 // declared lost and acknowledged after all
	ReportsSent  uint64
	Full         uint64 // packets dropped for want of room; they come again
	Refused      uint64 // packets and reports that break the rules
	WindowBytes  int    // congestion window now
}

// Stats gives the counters.
func (s *Stream) Stats() Stats {
	stats := s.stats
	stats.WindowBytes = s.window()
	return stats
}
