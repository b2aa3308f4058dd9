package ledger

import "envoyd/internal/reading"

// estimateSet is a bit for each path: the six of energy, the six of today.
type estimateSet uint16

func (s *estimateSet) add(i int, estimated bool) {
	if estimated {
		*s |= 1 << i
	}
}

// estimates keeps the list of paths, which hardly ever changes.
type estimates struct {
	set   estimateSet
	paths []string
}

func (e *estimates) list(set estimateSet) []string {
	if set == e.set {
		return e.paths
	}
	e.set, e.paths = set, nil
	for i, part := range [2]string{"energy.", "today."} {
		for j, f := range reading.Flows() {
			if set&(1<<(i*6+j)) != 0 {
				e.paths = append(e.paths, part+string(f)+"_wh")
			}
		}
	}
	return e.paths
}
