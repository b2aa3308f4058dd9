package page

import (
	"math"
	"slices"

	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
)

// eids of the CT positions and of their first channels.
const (
	eidProduction  = 0x2A000100
	eidConsumption = 0x2A000200
	eidStorage     = 0x2A000300
	channelOffset  = 0x40000011
)

// spikeWh is how far a spike's counters are ahead.
const spikeWh = 5_000_000

// meter is one element of /ivp/meters.
type meter struct {
	Eid             int64    `json:"eid"`
	State           string   `json:"state"`
	MeasurementType string   `json:"measurementType"`
	PhaseMode       string   `json:"phaseMode"`
	PhaseCount      int      `json:"phaseCount"`
	MeteringStatus  string   `json:"meteringStatus"`
	StatusFlags     []string `json:"statusFlags"`
}

// measure is what a CT shows on all phases together or on one of them.
type measure struct {
	Dlvd, Rcvd, W, Var float64
	Volt, Hz           float64
}

func (m measure) va() float64 { return math.Hypot(m.W, m.Var) }

func (m measure) factor() float64 {
	if s := m.va(); s >= 1 {
		return m.W / s
	}
	return 0
}

func (m measure) amps() float64 {
	if m.Volt < 20 {
		return 0
	}
	return m.va() / m.Volt
}

// positions lists all CTs in the gateway's order.
func (g *Gateway) positions() []string {
	var list []string
	for _, kind := range []string{Production, Net, Total, Storage} {
		if slices.Contains(g.cfg.CTs, kind) || slices.Contains(g.cfg.Disabled, kind) {
			list = append(list, kind)
		}
	}
	return list
}

func (g *Gateway) enabled(kind string) bool { return slices.Contains(g.cfg.CTs, kind) }

func eidOf(kind string) int64 {
	switch kind {
	case Production:
		return eidProduction
	case Storage:
		return eidStorage
	}
	return eidConsumption
}

// meterList is /ivp/meters.
func meterList(v *view) (any, error) {
	list := []meter{}
	if v.faults.Take(fault.NoMeters, v.request.Path) {
		return list, nil
	}
	mode := [...]string{"", "three", "split", "three"}[v.Config.Phases] // single phase shows as three with one
	for _, kind := range v.positions() {
		m := meter{eidOf(kind), "enabled", kind, mode, v.Config.Phases, "normal", []string{}}
		if !v.enabled(kind) {
			m.State, m.MeteringStatus = "disabled", "not-metering"
		}
		list = append(list, m)
	}
	return list, nil
}

// measure returns what a CT shows; phase -1 is the aggregate. Volts and amps of
// the aggregate are sums over the phases, as the gateway has it.
func (v *view) measure(kind string, phase int) measure {
	flow := home.PhaseFlow{ProductionW: v.ProductionW, GridW: v.GridW, BatteryW: v.BatteryW}
	counted := totals(v.Counters)
	if phase >= 0 {
		flow, counted = v.Flow.Phases[phase], v.Counters.Phases[phase]
	}
	m := pick(kind, counted, flow)
	v.electrics(&m, kind, phase)
	if v.spike {
		m.W, m.Dlvd = m.W*50+20000, m.Dlvd+spikeWh
	}
	return m
}

// pick takes a CT's part of counters and powers.
func pick(kind string, c home.PhaseCounters, f home.PhaseFlow) measure {
	switch kind {
	case Production:
		return measure{Dlvd: c.ProductionWh, Rcvd: c.StandbyWh, W: f.ProductionW}
	case Storage:
		return measure{Dlvd: c.DischargeWh, Rcvd: c.ChargeWh, W: f.BatteryW}
	case Total:
		used := c.ProductionWh - c.StandbyWh + c.ImportWh - c.ExportWh + c.DischargeWh - c.ChargeWh
		return measure{Dlvd: used, W: f.ProductionW + f.GridW + f.BatteryW}
	}
	return measure{Dlvd: c.ImportWh, Rcvd: c.ExportWh, W: f.GridW}
}

// electrics adds volts, reactive power and frequency.
func (v *view) electrics(m *measure, kind string, phase int) {
	volt, hz, phases := 236.0, 50.0, v.Config.Phases
	if phases == 2 {
		volt, hz = 121.5, 60
	}
	volt += 4*math.Sin(float64(v.at.Unix())/340) + v.ProductionW/2000
	m.Hz = hz + 0.03*math.Sin(float64(v.at.Unix())/23)
	reactive := map[string]float64{Production: -12, Net: -210, Total: -225, Storage: -35}[kind]
	if phase < 0 {
		m.Volt, m.Var = volt*float64(phases), reactive*float64(phases)
		return
	}
	m.Volt, m.Var = volt+0.4*float64(phase), reactive
}

// reading is one element of /ivp/meters/readings or one of its channels.
type reading struct {
	Eid                 int64     `json:"eid"`
	Timestamp           int64     `json:"timestamp"`
	ActEnergyDlvd       num       `json:"actEnergyDlvd"`
	ActEnergyRcvd       num       `json:"actEnergyRcvd"`
	ApparentEnergy      num       `json:"apparentEnergy"`
	ReactEnergyLagg     num       `json:"reactEnergyLagg"`
	ReactEnergyLead     num       `json:"reactEnergyLead"`
	InstantaneousDemand num       `json:"instantaneousDemand"`
	ActivePower         num       `json:"activePower"`
	ApparentPower       num       `json:"apparentPower"`
	ReactivePower       num       `json:"reactivePower"`
	PwrFactor           num       `json:"pwrFactor"`
	Voltage             num       `json:"voltage"`
	Current             num       `json:"current"`
	Freq                num       `json:"freq"`
	Channels            []reading `json:"channels,omitempty"`
}

func (v *view) reading(eid int64, m measure) reading {
	return reading{
		Eid: eid, Timestamp: v.Time.Unix(),
		ActEnergyDlvd: num(m.Dlvd), ActEnergyRcvd: num(m.Rcvd), ApparentEnergy: num((m.Dlvd + m.Rcvd) * 1.31),
		ReactEnergyLagg: num(m.Dlvd * 0.21), ReactEnergyLead: num(m.Dlvd * 0.014),
		InstantaneousDemand: num(m.W), ActivePower: num(m.W), ApparentPower: num(m.va()), ReactivePower: num(m.Var),
		PwrFactor: num(m.factor()), Voltage: num(m.Volt), Current: num(m.amps()), Freq: num(m.Hz),
	}
}

// readings is /ivp/meters/readings.
func readings(v *view) (any, error) {
	list := []reading{}
	if v.faults.Take(fault.NoMeters, v.request.Path) {
		return list, nil
	}
	for _, kind := range v.positions() {
		eid := eidOf(kind)
		r := v.reading(eid, v.measure(kind, -1))
		for i := range 3 {
			r.Channels = append(r.Channels, v.channel(eid+channelOffset+int64(i), kind, i))
		}
		list = append(list, r)
	}
	if v.atLeast("8.3") && len(list) > 0 {
		list = append(list, reading{Eid: 0x3D000200, Timestamp: v.Time.Unix(), Channels: []reading{
			{Eid: 2097152513}, {Eid: 2097152514}, {Eid: 2097152515},
		}})
	}
	return list, nil
}

// channel is one phase; an unused one shows the noise of its open clamp.
func (v *view) channel(eid int64, kind string, i int) reading {
	if i < v.Config.Phases {
		return v.reading(eid, v.measure(kind, i))
	}
	if v.Config.Phases == 2 {
		return reading{Eid: eid, Timestamp: v.Time.Unix(), Freq: 60}
	}
	drift := float64(v.Time.Unix()%1e7) / 900
	return v.reading(eid, measure{Dlvd: drift, Rcvd: drift / 3, W: -0.7, Volt: 5.1, Hz: 50})
}

// report is one element of /ivp/meters/reports.
type report struct {
	CreatedAt  int64   `json:"createdAt"`
	ReportType string  `json:"reportType"`
	Cumulative figures `json:"cumulative"`
	Lines      []line  `json:"lines"`
}

type (
	figures struct {
		CurrW       num `json:"currW"`
		ActPower    num `json:"actPower"`
		ApprntPwr   num `json:"apprntPwr"`
		ReactPwr    num `json:"reactPwr"`
		WhDlvdCum   num `json:"whDlvdCum"`
		WhRcvdCum   num `json:"whRcvdCum"`
		VarhLagCum  num `json:"varhLagCum"`
		VarhLeadCum num `json:"varhLeadCum"`
		VahCum      num `json:"vahCum"`
		RmsVoltage  num `json:"rmsVoltage"`
		RmsCurrent  num `json:"rmsCurrent"`
		PwrFactor   num `json:"pwrFactor"`
		FreqHz      num `json:"freqHz"`
	}
	line = figures
)

// gatewayView is what reports and production.json call total-consumption: it
// forgets the battery. Their counters are netted already.
func (v *view) gatewayView(kind string, phase int) measure {
	if kind == Production {
		return v.measure(Production, phase)
	}
	if v.enabled(Total) && kind == Total {
		return v.measure(Total, phase)
	}
	net, made := v.measure(Net, phase), v.measure(Production, phase)
	if v.enabled(Total) { // net is worked out from the total
		used := v.measure(Total, phase)
		net.W, net.Dlvd, net.Rcvd = used.W-made.W, used.Dlvd-made.Dlvd, 0
	}
	net.Dlvd, net.Rcvd = net.Dlvd-net.Rcvd, 0
	if kind == Net {
		return net
	}
	net.Dlvd, net.W, net.Var = net.Dlvd+made.Dlvd, net.W+made.W, net.Var+made.Var
	return net
}

func (v *view) figures(kind string, phase int) figures {
	m := v.gatewayView(kind, phase)
	return figures{
		num(m.W), num(m.W), num(m.va()), num(m.Var), num(m.Dlvd), num(m.Rcvd), num(m.Dlvd * 0.21), num(m.Dlvd * 0.014),
		num(m.Dlvd * 1.31), num(m.Volt), num(m.amps()), num(m.factor()), num(m.Hz),
	}
}

func (v *view) report(kind string) report {
	r := report{CreatedAt: v.Time.Unix(), ReportType: kind, Cumulative: v.figures(kind, -1)}
	for i := range v.Config.Phases {
		r.Lines = append(r.Lines, v.figures(kind, i))
	}
	return r
}

// reports is /ivp/meters/reports.
func reports(v *view) (any, error) {
	list := []report{}
	if !v.metered() {
		return list, nil
	}
	for _, kind := range []string{Production, Net, Total} {
		list = append(list, v.report(kind))
	}
	return list, nil
}

func oneReport(kind string) func(*view) (any, error) {
	return func(v *view) (any, error) { return v.report(kind), nil }
}

func consumptionReports(v *view) (any, error) { return []report{v.report(Net), v.report(Total)}, nil }

// phaseReading is /ivp/meters/gridReading and pvReading.
func phaseReading(kind string) func(*view) (any, error) {
	type channel struct {
		Phase         string `json:"phase"`
		ActivePower   num    `json:"activePower"`
		ReactivePower num    `json:"reactivePower"`
		Voltage       num    `json:"voltage"`
		Current       num    `json:"current"`
		Freq          num    `json:"freq"`
	}
	return func(v *view) (any, error) {
		if !v.enabled(kind) {
			return nil, errMissing
		}
		var list []channel
		for i, name := range []string{"L1", "L2", "L3"} {
			c := v.channel(0, kind, i)
			list = append(list, channel{name, c.ActivePower, c.ReactivePower, c.Voltage, c.Current, c.Freq})
		}
		return []any{map[string]any{"channels": list}}, nil
	}
}
