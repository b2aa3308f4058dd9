package derive

import "time"

// LiveLapsed reports whether /ivp/livedata/status answers but is not refreshed
// any more: the stream has to be asked for again (gateway.Client.EnableLive).
func (s *Snapshot) LiveLapsed(c Clock, now time.Time) bool {
	l := s.live
	return l.have && (!l.is.Streaming || now.Sub(c.Ours(l.is.Updated.Time)) > liveAge)
}
