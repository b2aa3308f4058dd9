package answer

// Report is one element of /ivp/meters/reports: the gateway's own totals, as
// in production.json but a hundred times faster. For net and total the
// delivered energy is already netted; readings are the place for import and
// export.
type Report struct {
	Kind       Text         `json:"reportType"` // production, net-consumption, total-consumption
	Created    Epoch        `json:"createdAt"`
	Cumulative ReportValues `json:"cumulative"`
	Lines      []ReportValues
}

// ReportValues are the numbers of a report or of one of its phases.
type ReportValues struct {
	PowerW      Num `json:"actPower"`
	ApparentVA  Num `json:"apprntPwr"`
	ReactiveVar Num `json:"reactPwr"`
	DeliveredWh Num `json:"whDlvdCum"`
	ReceivedWh  Num `json:"whRcvdCum"`
	VoltageV    Num `json:"rmsVoltage"` // sum of the phases
	CurrentA    Num `json:"rmsCurrent"`
	FrequencyHz Num `json:"freqHz"`
}

// ParseReports parses /ivp/meters/reports and its children, which answer with
// a list or with one object depending on the build.
func ParseReports(body []byte) ([]Report, error) {
	var all []Report
	if err := decode(body, '[', &all); err != nil {
		var one Report
		if err := decode(body, '{', &one); err != nil {
			return nil, err
		}
		all = []Report{one}
	}
	return keep(all, func(r Report) bool { return r.Kind != "" })
}
