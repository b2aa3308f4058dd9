package answer

// DevTypeACB marks an AC Battery in /api/v1/production/inverters.
const DevTypeACB = 11

// InverterReport is one element of /api/v1/production/inverters: the last
// report of a microinverter, or of an AC Battery, which is listed too.
type InverterReport struct {
	Serial   Serial `json:"serialNumber"`
	Time     Epoch  `json:"lastReportDate"`
	DevType  Int    `json:"devType"` // absent on 3.x and M4.2.33
	PowerW   Num    `json:"lastReportWatts"`
	MaxPower Num    `json:"maxReportWatts"`
}

// ParseInverters parses /api/v1/production/inverters.
func ParseInverters(body []byte) ([]InverterReport, error) {
	var all []InverterReport
	if err := decode(body, '[', &all); err != nil {
		return nil, err
	}
	return keep(all, func(r InverterReport) bool { return r.Serial != "" })
}
