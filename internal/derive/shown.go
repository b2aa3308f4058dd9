package derive

// LacksMeters reports whether the gateway was asked for its CTs and has none to
// list, enabled or not. One that is made for CTs has none configured then
// (7.6.175 in the recordings), or has just started.
func (s *Snapshot) LacksMeters() bool {
	return s.missing[pathMeters] || s.meters.have && len(s.meters.is) == 0
}
