package derive

import (
	"maps"

	"envoyd/internal/answer"
)

// past is what an earlier snapshot of the same gateway left: nothing of it is
// an answer, but zeros are held against it.
type past struct {
	shone   bool // the inverters made power, or their zeros were not believed yet
	devices answer.DeviceData
}

// Follow tells a new snapshot what the one before has seen of the same
// gateway, for a gateway that was away comes back with zeros. It is to be
// called before the first Put. After a change of firmware everything may
// differ, and nothing is taken over.
func (s *Snapshot) Follow(earlier *Snapshot) {
	if earlier == nil || earlier.id != s.id {
		return
	}
	s.doubt.counts, s.doubt.zeros = maps.Clone(earlier.doubt.counts), maps.Clone(earlier.doubt.zeros)
	s.charge, s.odd = maps.Clone(earlier.charge), maps.Clone(earlier.odd)
	s.evidence = earlier.evidence
	s.past.shone = earlier.past.shone || reportsPower(earlier.inverters.is)
	s.past.devices = earlier.past.devices
	if earlier.devices.have {
		s.past.devices = earlier.devices.is
	}
}

// dimmed is a list of which nobody believes the zeros: their power is unknown.
func dimmed(k kept[[]answer.InverterReport]) kept[[]answer.InverterReport] {
	list := make([]answer.InverterReport, len(k.is))
	for i, r := range k.is {
		r.PowerW = answer.Num{}
		list[i] = r
	}
	k.is = list
	return k
}
