package answer

// Groups of /inventory.json.
const (
	GroupPCU = "PCU" // microinverters
	GroupACB = "ACB" // AC Batteries
)

// Inventory is /inventory.json (or /inventory) by group. Dates are text there.
type Inventory map[string][]InventoryDevice

// AdminDeleted marks a removed device.
const AdminDeleted = 3

// InventoryDevice is a device of the gateway's device list.
type InventoryDevice struct {
	Serial        Serial `json:"serial_num"`
	Reported      Epoch  `json:"last_rpt_date"`
	AdminState    Num    `json:"admin_state"` // 1 discovered, 2 verified, 3 deleted; ACB 0 = decommissioned
	Communicating Flag   `json:"communicating"`
	// Of AC Batteries only.
	SoCPct      Num `json:"percentFull"`
	MaxCellTemp Num `json:"maxCellTemp"` // °C
}

// ParseInventory parses /inventory.json.
func ParseInventory(body []byte) (Inventory, error) {
	var all []struct {
		Type    Text              `json:"type"`
		Devices []InventoryDevice `json:"devices"`
	}
	if err := decode(body, '[', &all); err != nil {
		return nil, err
	}
	groups, seen := Inventory{}, len(all) == 0
	for _, g := range all {
		seen = seen || g.Type != ""
		for _, d := range g.Devices {
			if d.Serial != "" {
				groups[string(g.Type)] = append(groups[string(g.Type)], d)
			}
		}
	}
	if !seen {
		return nil, ErrShape
	}
	return groups, nil
}
