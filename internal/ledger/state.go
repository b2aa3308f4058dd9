package ledger

import (
	"encoding/json"
	"errors"
	"fmt"

	"envoyd/internal/reading"
)

// version of the state file. A file of another version is not read: numbers
// misunderstood are worse than numbers begun anew.
const version = 1

// state is the file.
type state struct {
	Version  int                   `json:"version"`
	Gateways map[string]houseState `json:"gateways"`
}

type houseState struct {
	Serial    string                 `json:"serial"`
	At        int64                  `json:"at"`
	ZeroSince int64                  `json:"zero_since,omitempty"`
	Counters  map[string]*counter    `json:"counters"`
	Flows     map[reading.Flow]*flow `json:"flows"`
	Credited  []credited             `json:"credited,omitempty"`
}

func encode(houses map[string]*house) ([]byte, error) {
	s := state{Version: version, Gateways: map[string]houseState{}}
	for name, h := range houses {
		hs := houseState{Serial: h.serial, At: h.at, ZeroSince: h.zeroSince, Credited: h.credited,
			Counters: map[string]*counter{}, Flows: map[reading.Flow]*flow{}}
		for key, c := range h.counters {
			if c.known() {
				hs.Counters[key] = c
			}
		}
		for i, f := range reading.Flows() {
			if h.flows[i].Born {
				hs.Flows[f] = &h.flows[i]
			}
		}
		s.Gateways[name] = hs
	}
	return json.Marshal(s)
}

// errState says that a file is well-formed but cannot be ours.
var errState = errors.New("impossible state")

// decode reads a state file and believes nothing that Apply cannot have made.
func decode(data []byte) (map[string]*house, error) {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("reading ledger: %w", err)
	}
	if s.Version != version {
		return nil, fmt.Errorf("reading ledger: version %d, want %d: %w", s.Version, version, errState)
	}
	houses := map[string]*house{}
	for name, hs := range s.Gateways {
		h, err := hs.restore()
		if err != nil {
			return nil, fmt.Errorf("reading ledger: gateway %q: %w", name, err)
		}
		houses[name] = h
	}
	return houses, nil
}

func (hs houseState) restore() (*house, error) {
	h := newHouse()
	h.serial, h.at, h.zeroSince, h.credited = hs.Serial, hs.At, hs.ZeroSince, hs.Credited
	if !moment(hs.At) || !moment(hs.ZeroSince) || len(hs.Credited) > maxCredited {
		return nil, fmt.Errorf("time %d: %w", hs.At, errState)
	}
	for name, c := range hs.Counters {
		if c == nil || !c.valid() {
			return nil, fmt.Errorf("counter %q: %w", name, errState)
		}
		h.counters[name] = c
	}
	for i, name := range reading.Flows() {
		f := hs.Flows[name]
		if f == nil {
			continue
		}
		if !f.valid() {
			return nil, fmt.Errorf("flow %q: %w", name, errState)
		}
		h.flows[i] = *f
	}
	for i := range h.flows {
		for j := range h.flows[i].Terms {
			h.bind(&h.flows[i].Terms[j])
		}
	}
	h.markUsed()
	return h, nil
}

// moment reports whether ms can be the time of something, or of nothing.
func moment(ms int64) bool { return ms == 0 || ms >= earliest-hour && ms <= latest }

func (c *counter) valid() bool {
	return moment(c.At) && moment(c.Moved) && moment(c.Seen) && c.Moved <= c.At &&
		sane(c.Wh) && sane(c.Total) && c.Credit >= 0 && sane(c.Credit) && sane(c.Step) && c.Wrap >= 0 && sane(c.Wrap) &&
		(c.Trial == nil || c.Trial.valid()) &&
		(c.Past == nil || moment(c.Past.At) && sane(c.Past.Wh) && sane(c.Past.Total))
}

func (t *trial) valid() bool {
	return moment(t.At) && moment(t.Since) && moment(t.Rising) && sane(t.First) && sane(t.Wh) &&
		t.Count > 0 && t.Rises >= 0
}

func (f *flow) valid() bool {
	if !moment(f.At) || !moment(f.Power.At) || !sane(f.Published) || f.Published < 0 ||
		!sane(f.Balance) || !sane(f.Integral) || f.Integral < 0 || !sane(f.Power.W) || len(f.Marks) > maxMarks {
		return false
	}
	for i, m := range f.Marks {
		if !sane(m.Wh) || !moment(m.Q*quarter) || i > 0 && f.Marks[i-1].Q >= m.Q {
			return false
		}
	}
	for _, h := range f.Holes {
		if !h.valid() {
			return false
		}
	}
	for _, t := range f.Terms {
		if (t.Sign != 1 && t.Sign != -1) || !sane(t.Seen) || !sane(t.Stood) {
			return false
		}
	}
	return true
}
