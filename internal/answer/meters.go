package answer

// States and types of a meter in /ivp/meters.
const (
	StateEnabled  = "enabled"
	StateDisabled = "disabled"

	KindProduction = "production"
	KindNet        = "net-consumption"
	KindTotal      = "total-consumption"
	KindStorage    = "storage"
	KindPV3P       = "pv3p"
)

// Meter is one CT position of /ivp/meters. Whether it counts is State; what
// it measures is Kind (the eid's position contradicts it on some systems).
type Meter struct {
	EID        Int    `json:"eid"`
	State      Text   `json:"state"`
	Kind       Text   `json:"measurementType"`
	PhaseMode  Text   `json:"phaseMode"` // single, split, three
	PhaseCount Int    `json:"phaseCount"`
	Status     Text   `json:"meteringStatus"` // normal, not-metering, check-wiring
	Flags      []Text `json:"statusFlags"`
}

// ParseMeters parses /ivp/meters. Standard gateways answer with an empty list.
func ParseMeters(body []byte) ([]Meter, error) {
	var all []Meter
	if err := decode(body, '[', &all); err != nil {
		return nil, err
	}
	return keep(all, func(m Meter) bool { return m.EID != 0 })
}

// keep drops the elements that are no such thing; a list of only such is
// another endpoint's.
func keep[T any](all []T, is func(T) bool) ([]T, error) {
	kept := make([]T, 0, len(all))
	for _, one := range all {
		if is(one) {
			kept = append(kept, one)
		}
	}
	if len(kept) == 0 && len(all) > 0 {
		return nil, ErrShape
	}
	return kept, nil
}
