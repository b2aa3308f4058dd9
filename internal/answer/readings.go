package answer

// MeterReading is one element of /ivp/meters/readings: the aggregate of a CT,
// or with Channels empty one of its phases. Signs as the firmware gives them:
// W are positive while generating, importing, discharging or consuming,
// delivered counts in that direction and received in the other.
type MeterReading struct {
	EID         Int            `json:"eid"`
	Time        Epoch          `json:"timestamp"` // zero for a meter that was never configured
	DeliveredWh Num            `json:"actEnergyDlvd"`
	ReceivedWh  Num            `json:"actEnergyRcvd"`
	PowerW      Num            `json:"activePower"`
	ApparentVA  Num            `json:"apparentPower"`
	ReactiveVar Num            `json:"reactivePower"`
	VoltageV    Num            `json:"voltage"` // of an aggregate the sum of the phases
	CurrentA    Num            `json:"current"`
	FrequencyHz Num            `json:"freq"`
	Channels    []MeterReading `json:"channels"`
}

// ParseReadings parses /ivp/meters/readings.
func ParseReadings(body []byte) ([]MeterReading, error) {
	var all []MeterReading
	if err := decode(body, '[', &all); err != nil {
		return nil, err
	}
	return keep(all, func(m MeterReading) bool { return m.EID != 0 })
}
