package answer

// Groups of /ivp/ensemble/inventory.
const (
	GroupEncharge = "ENCHARGE"               // IQ Batteries
	GroupEnpower  = "ENPOWER"                // System Controllers
	GroupCollar   = "COLLAR"                 // meter collars
	GroupCombiner = "C6 COMBINER CONTROLLER" // IQ Combiner 6C
)

// Ensemble is /ivp/ensemble/inventory by group. A group without devices is no
// equipment.
type Ensemble map[string][]EnsembleDevice

// EnsembleDevice is a battery, controller or collar; which fields are filled
// depends on the group.
type EnsembleDevice struct {
	Serial        Serial `json:"serial_num"`
	Reported      Epoch  `json:"last_rpt_date"`
	Communicating Flag   `json:"communicating"`
	// Temperature is °C, but °F in the ENPOWER group.
	Temperature Num `json:"temperature"`
	SoCPct      Num `json:"percentFull"`
	CapacityWh  Num `json:"encharge_capacity"`
	// MainsOper is "open" or "closed" (ENPOWER).
	MainsOper Text `json:"mains_oper_state"`
	// MIDState is "open" or "close", GridState "on_grid" or "off_grid" (COLLAR).
	MIDState  Text `json:"mid_state"`
	GridState Text `json:"grid_state"`
}

// ParseEnsemble parses /ivp/ensemble/inventory; nothing installed is an empty list.
func ParseEnsemble(body []byte) (Ensemble, error) {
	var all []struct {
		Type    Text             `json:"type"`
		Devices []EnsembleDevice `json:"devices"`
	}
	if err := decode(body, '[', &all); err != nil {
		return nil, err
	}
	groups := Ensemble{}
	for _, g := range all {
		for _, d := range g.Devices {
			if g.Type != "" && d.Serial != "" {
				groups[string(g.Type)] = append(groups[string(g.Type)], d)
			}
		}
	}
	return groups, nil
}
