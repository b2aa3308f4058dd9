package page

import (
	"math"
	"time"

	"envoyd/internal/sim/home"
)

// joulesWrap is where a 32-bit joule counter begins again, in Wh.
const joulesWrap = float64(1<<32) / 3600

// bucket is how coarse the figures of /api/v1 are where there is a CT.
const bucket = 15 * time.Minute

// eim is an item of production.json that comes from a CT. Its lines have the
// same figures.
type eim struct {
	Type             string `json:"type,omitempty"`
	ActiveCount      *int   `json:"activeCount,omitempty"`
	MeasurementType  string `json:"measurementType,omitempty"`
	ReadingTime      int64  `json:"readingTime,omitempty"`
	WNow             num    `json:"wNow"`
	WhLifetime       num    `json:"whLifetime"`
	VarhLeadLifetime num    `json:"varhLeadLifetime"`
	VarhLagLifetime  num    `json:"varhLagLifetime"`
	VahLifetime      num    `json:"vahLifetime"`
	RmsCurrent       num    `json:"rmsCurrent"`
	RmsVoltage       num    `json:"rmsVoltage"`
	ReactPwr         num    `json:"reactPwr"`
	ApprntPwr        num    `json:"apprntPwr"`
	PwrFactor        num    `json:"pwrFactor"`
	WhToday          num    `json:"whToday"`
	WhLastSevenDays  num    `json:"whLastSevenDays"`
	VahToday         num    `json:"vahToday"`
	VarhLeadToday    num    `json:"varhLeadToday"`
	VarhLagToday     num    `json:"varhLagToday"`
	Lines            []eim  `json:"lines,omitempty"`
}

// inverterSum is the item of production.json that adds up the inverters.
type inverterSum struct {
	Type        string `json:"type"`
	ActiveCount int    `json:"activeCount"`
	ReadingTime int64  `json:"readingTime"`
	WNow        int    `json:"wNow"`
	WhLifetime  int64  `json:"whLifetime"`
}

// storageItem is the AC Batteries; it is there without any too.
type storageItem struct {
	Type        string `json:"type"`
	ActiveCount int    `json:"activeCount"`
	ReadingTime int64  `json:"readingTime"`
	WNow        int    `json:"wNow"`
	WhNow       int    `json:"whNow"`
	State       string `json:"state"`
	PercentFull *int   `json:"percentFull,omitempty"`
}

type productionPage struct {
	Production  []any         `json:"production"`
	Consumption []eim         `json:"consumption,omitempty"`
	Storage     []storageItem `json:"storage"`
}

// production is /production.json and, without lines, /production.
func production(v *view) (any, error) {
	page := productionPage{Production: []any{v.inverterSum()}, Storage: []storageItem{v.storageItem()}}
	if v.metered() {
		page.Production = append(page.Production, v.eim(Production))
		page.Consumption = []eim{v.eim(Total), v.eim(Net)}
	}
	return page, nil
}

// eim makes the item of a CT, or of what the gateway works out from two.
func (v *view) eim(kind string) eim {
	active := 0
	if v.enabled(kind) || kind != Production && (v.enabled(Net) || v.enabled(Total)) {
		active = 1
	}
	if v.flicker {
		active = 0
	}
	item := v.eimLine(kind, -1)
	if v.enabled(Total) && v.atLeast("8.3.5433") {
		item = v.mangled(kind)
	}
	item.Type, item.ActiveCount, item.MeasurementType, item.ReadingTime = "eim", &active, kind, v.Time.Unix()
	if v.details {
		for i := range v.Config.Phases {
			item.Lines = append(item.Lines, v.eimLine(kind, i))
		}
	}
	return item
}

// mangled is the defect of 8.3.5433 with a total CT: total is overwritten by
// net, and today and the week are the lifetime.
func (v *view) mangled(kind string) eim {
	if kind == Total {
		kind = Net
	}
	item := v.eimLine(kind, -1)
	item.WhToday, item.WhLastSevenDays = item.WhLifetime, item.WhLifetime
	return item
}

func (v *view) eimLine(kind string, phase int) eim {
	m := v.gatewayView(kind, phase)
	today, week := v.energyToday(kind)
	if phase >= 0 {
		n := float64(v.Config.Phases)
		today, week = today/n, week/n
	}
	return eim{
		WNow: num(m.W), WhLifetime: num(m.Dlvd), VarhLeadLifetime: num(m.Dlvd * 0.014), VarhLagLifetime: num(m.Dlvd * 0.21),
		VahLifetime: num(m.Dlvd * 1.31), RmsCurrent: num(m.amps()), RmsVoltage: num(m.Volt), ReactPwr: num(m.Var),
		ApprntPwr: num(m.va()), PwrFactor: num(math.Round(m.factor()*100) / 100), WhToday: num(today),
		WhLastSevenDays: num(week), VahToday: num(today * 1.3), VarhLeadToday: num(today * 0.01), VarhLagToday: num(today * 0.2),
	}
}

// energyToday is as unreliable as the gateway's: net is always 0.
func (v *view) energyToday(kind string) (today, week float64) {
	switch kind {
	case Production:
		return v.today.ProductionWh, v.week.ProductionWh
	case Total:
		used := func(c home.Counters) float64 { return c.ProductionWh + c.ImportWh - c.ExportWh }
		return used(v.today), used(v.week)
	}
	return 0, 0
}

// inverterSum adds up the last reports, wherever they are from.
func (v *view) inverterSum() inverterSum {
	item := inverterSum{Type: "inverters", WhLifetime: int64(v.inverterWh())}
	for _, inv := range v.Inverters {
		if inv.Removed {
			continue
		}
		item.ActiveCount++
		item.WNow += int(inv.PowerW)
		item.ReadingTime = max(item.ReadingTime, inv.Reported.Unix())
	}
	if v.spike {
		item.WNow, item.WhLifetime = item.WNow*50+20000, item.WhLifetime+spikeWh
	}
	return item
}

// inverterWh is the lifetime energy of the inverters as this firmware adds it
// up: the sum wraps up to 8.2.127, each inverter's part from 8.2.4264 on.
func (v *view) inverterWh() float64 {
	var sum float64
	each := v.atLeast("8.2.4264")
	for _, inv := range v.Inverters {
		if inv.Removed && each {
			continue
		}
		wh := inv.LifetimeJoules / 3600
		if each {
			wh = math.Mod(wh, joulesWrap)
		}
		sum += wh
	}
	if v.major() >= 7 && !each {
		sum = math.Mod(sum, joulesWrap)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return max(0, sum-float64(v.wraps)*joulesWrap)
}

// storageItem is the AC Batteries' entry.
func (v *view) storageItem() storageItem {
	item := storageItem{Type: "acb", State: "idle"}
	n := v.Config.ACBatteries
	if n == 0 {
		return item
	}
	percent := int(v.SoCPct)
	share := v.acbShare()
	item.ActiveCount, item.ReadingTime, item.PercentFull = n, v.Time.Truncate(bucket).Unix(), &percent
	item.WNow, item.WhNow = int(v.BatteryW*share), int(v.StoredWh*share)
	switch {
	case item.WNow > 0:
		item.State = "discharging"
	case item.WNow < 0:
		item.State = "charging"
	}
	return item
}

// acbShare is the AC Batteries' part of all batteries' work.
func (v *view) acbShare() float64 {
	acb, iq := float64(v.Config.ACBatteries)*1200, float64(v.Config.Batteries)*v.Config.BatteryWh
	if acb+iq == 0 {
		return 0
	}
	return acb / (acb + iq)
}

// apiNumbers is /api/v1/production and a part of /ivp/pdm/energy.
type apiNumbers struct {
	WattHoursToday     int64 `json:"wattHoursToday"`
	WattHoursSevenDays int64 `json:"wattHoursSevenDays"`
	WattHoursLifetime  int64 `json:"wattHoursLifetime"`
	WattsNow           int64 `json:"wattsNow"`
}

// apiProduction is /api/v1/production: quarter hours of the CT, else the sum of
// the inverters, with the defects of the firmware.
func apiProduction(v *view) (any, error) {
	switch {
	case v.zeros:
		return apiNumbers{}, nil
	case v.enabled(Production):
		return v.quarterHour(), nil
	case v.metered() && v.atLeast("8.2.4264"):
		return apiNumbers{WattHoursLifetime: 1583}, nil // junk of a disconnected CT
	case v.atLeast("8.3.5422"):
		return apiNumbers{}, nil
	}
	n := v.inverterNumbers(v.unwrapped())
	if v.spike {
		n.WattsNow, n.WattHoursLifetime = n.WattsNow*50+20000, n.WattHoursLifetime+spikeWh
	}
	return n, nil
}

// unwrapped is the sum that /api/v1 has on firmware before 8.2.4264.
func (v *view) unwrapped() float64 {
	if v.atLeast("8.2.4264") {
		return v.inverterWh()
	}
	var sum float64
	for _, inv := range v.Inverters {
		sum += inv.LifetimeJoules / 3600
	}
	return sum
}

// inverterNumbers are today's and the week's, from the inverters.
func (v *view) inverterNumbers(lifetime float64) apiNumbers {
	n := apiNumbers{WattHoursLifetime: int64(lifetime)}
	for _, inv := range v.Inverters {
		if inv.Removed {
			continue
		}
		n.WattsNow += int64(inv.PowerW)
		n.WattHoursToday += int64(inv.TodayWh)
		n.WattHoursSevenDays += int64(inv.WeekWh)
	}
	return n
}

// quarterHour is what the production CT had shown when the last bucket ended.
func (v *view) quarterHour() apiNumbers {
	then := v.cfg.Home.Truth(v.at.Truncate(bucket))
	late := max(0, v.ProductionWh-then.ProductionWh)
	return apiNumbers{
		WattHoursToday:     int64(max(0, v.today.ProductionWh-late)),
		WattHoursSevenDays: int64(max(0, v.week.ProductionWh-late)),
		WattHoursLifetime:  int64(max(0, v.ProductionWh-late)),
		WattsNow:           int64(then.ProductionW),
	}
}
