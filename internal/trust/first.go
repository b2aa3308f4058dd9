package trust

import (
	"fmt"

	"envoyd/internal/fault"
)

// Candidate is a host that names a serial, before anything is pinned.
type Candidate struct {
	Serial, Address string
	Key             Key // zero when it answered by plain HTTP
}

// FirstUse refuses when two of the candidates name one serial but show
// different keys, or only one of them shows a key: whoever answered first would
// be pinned by luck. One gateway with several addresses shows one key.
func FirstUse(candidates []Candidate) error {
	first := map[string]Candidate{}
	for _, c := range candidates {
		f, known := first[c.Serial]
		if !known {
			first[c.Serial] = c
			continue
		}
		if f.Key.SHA256 != c.Key.SHA256 {
			return &fault.Error{
				Kind: fault.Security, Op: "meeting gateway " + c.Serial + " for the first time",
				Err: fmt.Errorf("%w: %s with %s, %s with %s", ErrTwoKeys,
					f.Address, describe(f.Key), c.Address, describe(c.Key)),
				Mend: "Find out which of the two addresses is the gateway and put it and its key into `address` and `certificate` of gateway " +
					c.Serial + ".",
			}
		}
	}
	return nil
}

func describe(k Key) string {
	if k.IsZero() {
		return "no key"
	}
	return "key " + k.SHA256
}
