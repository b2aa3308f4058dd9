package answer

// BatteryPower is one element of /ivp/ensemble/power.
type BatteryPower struct {
	Serial  Serial `json:"serial_num"`
	PowerMW Num    `json:"real_power_mw"` // milliwatts, positive while discharging
	SoCPct  Num    `json:"soc"`
}

// ParseEnsemblePower parses /ivp/ensemble/power, whose only key is literally
// "devices:".
func ParseEnsemblePower(body []byte) ([]BatteryPower, error) {
	var p struct {
		Colon *[]BatteryPower `json:"devices:"`
		Plain *[]BatteryPower `json:"devices"`
	}
	if err := decode(body, '{', &p); err != nil {
		return nil, err
	}
	if p.Colon == nil {
		p.Colon = p.Plain
	}
	if p.Colon == nil {
		return nil, ErrShape
	}
	return keep(*p.Colon, func(b BatteryPower) bool { return b.Serial != "" })
}
