package enlighten

import (
	"strings"
	"time"

	"envoyd/internal/reading"
)

// together is how far apart the reports of one sample may lie; what is older
// than the newest by more is of another moment.
const together = 20 * time.Minute

// powerRow is a meter channel or a battery in /latest_telemetry.
type powerRow struct {
	Name  text  `json:"name"`
	At    epoch `json:"last_report_at"`
	Power num   `json:"power"`
	Mode  text  `json:"operational_mode"`
}

type latestDoc struct {
	Devices lenient[struct {
		Meters    many[powerRow] `json:"meters"`
		Encharges many[powerRow] `json:"encharges"`
	}] `json:"devices"`
}

// quantity is a sum of channels with the time of the oldest of them.
type quantity struct {
	value reading.Value
	at    time.Time
}

// sum adds the channels that are fresh; unused ones are null.
func sum(rows []powerRow, newest time.Time) (q quantity) {
	for _, r := range rows {
		w, known := r.Power.Get()
		if !known || r.At.IsZero() || newest.Sub(r.At.Time) > together {
			continue
		}
		q.value = reading.Of(q.value.Or(0) + w)
		if q.at.IsZero() || r.At.Before(q.at) {
			q.at = r.At.Time
		}
	}
	return q
}

// power makes our signs of the API's.
//
// A net CT's "consumption" is production plus grid, without the battery:
// house = consumption + battery, grid = consumption − production. A total CT
// measures the house itself: grid = house − production − battery. With a
// battery whose power is unknown the house is unknown.
func (doc *latestDoc) power(h Home) (reading.Power, time.Time) {
	d := doc.Devices.V
	var newest time.Time
	var production, consumption []powerRow
	for _, r := range d.Meters {
		if r.Power.Known() && r.At.After(newest) {
			newest = r.At.Time
		}
		switch name := strings.ToLower(string(r.Name)); {
		case strings.Contains(name, "consumption"):
			consumption = append(consumption, r)
		case strings.Contains(name, "production"):
			production = append(production, r)
		}
	}
	made, used := sum(production, newest), sum(consumption, newest)
	battery := sum(ourSigns(d.Encharges), latest(newest, d.Encharges))
	if complete(d.Encharges) < len(d.Encharges) {
		battery = quantity{} // a part of the batteries is not the battery
	}
	if !newest.IsZero() && newest.Sub(battery.at) > together {
		battery = quantity{}
	}
	p := reading.Power{ProductionW: made.value, BatteryW: battery.value}
	stored := reading.Of(0)
	if h.Battery || len(d.Encharges) > 0 {
		stored = battery.value
	}
	if h.Net {
		p.ConsumptionW = reading.Sum(used.value, stored)
		p.GridW = reading.Sum(used.value, made.value.Scale(-1))
	} else {
		p.ConsumptionW = used.value
		p.GridW = reading.Sum(used.value, made.value.Scale(-1), stored.Scale(-1))
	}
	p.ConsumptionW = atLeastZero(p.ConsumptionW)
	return p, oldest(made.at, used.at, battery.at)
}

// latest is the newest report of meters and batteries.
func latest(newest time.Time, rows []powerRow) time.Time {
	for _, r := range rows {
		if r.Power.Known() && r.At.After(newest) {
			newest = r.At.Time
		}
	}
	return newest
}

// complete counts the batteries that have a power and a time.
func complete(rows []powerRow) (n int) {
	for _, r := range rows {
		if r.Power.Known() && !r.At.IsZero() {
			n++
		}
	}
	return n
}

// ourSigns makes discharging positive. The sign is documented nowhere; the
// official formula balances only if charging is positive, but one client says
// the opposite. So the mode beside the number decides, and the formula only
// where the mode says neither.
func ourSigns(rows []powerRow) []powerRow {
	ours := make([]powerRow, len(rows))
	for i, r := range rows {
		ours[i] = r
		w, known := r.Power.Get()
		switch mode := strings.ToLower(string(r.Mode)); {
		case !known:
		case strings.HasPrefix(mode, "discharg"):
			ours[i].Power.Value = reading.Of(max(w, -w))
		case strings.HasPrefix(mode, "charg"):
			ours[i].Power.Value = reading.Of(min(w, -w))
		default:
			ours[i].Power.Value = reading.Of(-w)
		}
	}
	return ours
}

// atLeastZero is the rule for consumption: a little below 0 is 0, more is not
// believed.
func atLeastZero(v reading.Value) reading.Value {
	switch w, known := v.Get(); {
	case !known || w >= 0:
		return v
	case w >= -50:
		return reading.Of(0)
	default:
		return reading.Value{}
	}
}

func oldest(times ...time.Time) (t time.Time) {
	for _, at := range times {
		if !at.IsZero() && (t.IsZero() || at.Before(t)) {
			t = at
		}
	}
	return t
}
