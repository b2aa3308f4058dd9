package balance_test

import (
	"fmt"
	"math"
	"strings"
)

// Pages of the gateway.
const (
	pathReadings = "/ivp/meters/readings"
	pathDevices  = "/ivp/pdm/device_data"
	pathV1       = "/api/v1/production"
	pathPDM      = "/ivp/pdm/energy"
	pathPage     = "/production.json?details=1"
	pathPower    = "/ivp/ensemble/power"
	pathList     = "/api/v1/production/inverters"
)

// wrapWh is 2^32 J.
const wrapWh = float64(1<<32) / 3600

// page writes what the gateway answers, "" when it has no such page.
func (h *house) page(path string) string {
	write, ok := map[string]func() string{
		"/ivp/meters": h.meters, pathReadings: h.readings, "/ivp/meters/reports": h.reports, "/ivp/ensemble/inventory": h.ensemble,
		pathPower: h.batteries, "/ivp/ensemble/secctrl": h.secctrl, pathList: h.list, pathDevices: h.devices, pathV1: h.v1, pathPDM: h.pdm,
		pathPage: h.production, "/ivp/ss/gen_config": func() string { return "{}" },
	}[path]
	if !ok || h.lacks[path] {
		return ""
	}
	return write()
}

// num writes a measured number, with what happens to it.
func (h *house) num(x float64) string {
	if h.odd--; h.odd == 0 {
		return h.oddWord
	}
	if h.spike--; h.spike == 0 {
		x = x*50 + 20000
	}
	if h.zeros {
		x = 0
	}
	return fmt.Sprintf("%.3f", x)
}

func (h *house) each(of []string, write func(kind string) string) string {
	all := make([]string, 0, len(of))
	for _, kind := range of {
		all = append(all, write(kind))
	}
	return strings.Join(all, ",")
}

func (h *house) meters() string {
	state := map[bool]string{false: "enabled", true: "disabled"}[h.disabled]
	return "[" + h.each(h.wiring, func(kind string) string {
		return fmt.Sprintf(`{"eid":%d,"state":%q,"measurementType":%q,"phaseCount":1}`, positions[kind], state, kind)
	}) + "]"
}

// watts is what a CT measures.
func (h *house) watts(kind string) float64 {
	return map[string]float64{production: h.madeW, net: h.gridW(), total: h.loadW, storage: h.batteryW, pv3p: h.otherW}[kind]
}

func (h *house) readings() string {
	return "[" + h.each(h.wiring, func(kind string) string {
		return fmt.Sprintf(`{"eid":%d,"timestamp":%d,"activePower":%s,"apparentPower":%s,"actEnergyDlvd":%s,"actEnergyRcvd":%s,"channels":[{},{},{}]}`,
			positions[kind], h.now.Add(-h.late).Unix(), h.num(h.watts(kind)), h.num(math.Abs(h.watts(kind))), h.num(h.counted[kind][0]), h.num(h.counted[kind][1]))
	}) + "]"
}

// netted is the one counter that production.json and the reports have.
func (h *house) netted(kind string) float64 {
	c := h.counted[kind]
	if kind == production || h.fw == "R4.10.35" || h.fw == "D7.3.130" {
		return c[0]
	}
	return c[0] - c[1]
}

func (h *house) reports() string {
	return "[" + h.each(h.wiring, func(kind string) string {
		return fmt.Sprintf(`{"createdAt":%d,"reportType":%q,"cumulative":{"actPower":%s,"whDlvdCum":%s}}`,
			h.now.Add(-h.late).Unix(), kind, h.num(h.watts(kind)), h.num(h.netted(kind)))
	}) + "]"
}

func (h *house) item(kind string) string {
	active, of := 1, kind
	if h.disabled {
		active = 0
	}
	if h.fw == "D8.3.5433" && kind == total {
		of = production // overwritten
	}
	return fmt.Sprintf(`{"type":"eim","activeCount":%d,"measurementType":%q,"readingTime":%d,"wNow":%s,"whLifetime":%s,"whToday":%s}`,
		active, kind, h.now.Add(-h.late).Unix(), h.num(h.watts(of)), h.num(h.netted(of)), h.num(h.netted(of)))
}

func (h *house) production() string {
	sum, made, newest := h.sum()
	first := []string{fmt.Sprintf(`{"type":"inverters","activeCount":%d,"readingTime":%d,"wNow":%s,"whLifetime":%s}`, len(h.inverters), newest, h.num(made), h.num(sum))}
	var second []string
	for _, kind := range h.wiring {
		switch kind {
		case production:
			first = append(first, h.item(kind))
		case net, total:
			second = append(second, h.item(kind))
		}
	}
	acb := `{"type":"acb","activeCount":0}`
	if h.acb {
		acb = fmt.Sprintf(`{"type":"acb","activeCount":1,"readingTime":%d,"wNow":%s,"percentFull":%s}`, h.now.Unix(), h.num(h.batteryW*h.acbShare()), h.num(h.soc))
	}
	return fmt.Sprintf(`{"production":[%s],"consumption":[%s],"storage":[%s]}`, strings.Join(first, ","), strings.Join(second, ","), acb)
}

func (h *house) acbShare() float64 {
	if !h.acb {
		return 0
	}
	return 1 / float64(1+h.iq)
}

// sum is the inverters' energy as the firmware adds it up, their power and the
// time of the newest report.
func (h *house) sum() (wh, w float64, newest int64) {
	each, site := h.fw >= "D8.2.4264", h.fw >= "D7" && h.fw < "D8.2.4264"
	for _, i := range h.inverters {
		one := i.told / 3600
		if each {
			one = math.Mod(one, wrapWh)
		}
		wh, w, newest = wh+one, w+i.toldW, max(newest, i.reported.Unix())
	}
	if site {
		wh = math.Mod(wh, wrapWh)
	}
	return wh, w, newest
}

func (h *house) v1() string {
	if h.fw >= "D8.3.5422" && !h.has(production) {
		return `{"wattHoursToday":0,"wattHoursSevenDays":0,"wattHoursLifetime":0,"wattsNow":0}`
	}
	wh := 0.0
	for _, i := range h.inverters {
		wh += i.told / 3600
	}
	_, w, _ := h.sum()
	return fmt.Sprintf(`{"wattHoursToday":%s,"wattHoursSevenDays":%s,"wattHoursLifetime":%s,"wattsNow":%s}`, h.num(wh), h.num(wh), h.num(wh), h.num(w))
}

func (h *house) pdm() string {
	sum, w, _ := h.sum()
	return fmt.Sprintf(`{"production":{"pcu":{"wattHoursToday":%s,"wattHoursSevenDays":%s,"wattHoursLifetime":%s,"wattsNow":%s}}}`, h.num(sum), h.num(sum), h.num(sum), h.num(w))
}

func (h *house) list() string {
	var all []string
	for _, i := range h.inverters {
		all = append(all, fmt.Sprintf(`{"serialNumber":%q,"lastReportDate":%d,"devType":1,"lastReportWatts":%s,"maxReportWatts":%g}`,
			i.serial, i.reported.Unix(), h.num(i.toldW), inverterMaxW))
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (h *house) devices() string {
	var all strings.Builder
	for n, i := range h.inverters {
		joules := strings.TrimSuffix(h.num(i.told), ".000")
		fmt.Fprintf(&all, `"%d":{"devName":"pcu","sn":%q,"active":true,"channels":[{"watts":{"now":%s,"max":%g},"wattHours":{"today":5},
			"lastReading":{"endDate":%d,"duration":300},"lifetime":{"joulesProduced":%s}}]},`, n, i.serial, h.num(i.toldW), inverterMaxW, i.reported.Unix(), joules)
	}
	return fmt.Sprintf(`{%s"deviceCount":%d,"deviceDataLimit":50}`, all.String(), len(h.inverters))
}

func (h *house) ensemble() string {
	var all []string
	for i := range h.iq {
		all = append(all, fmt.Sprintf(`{"serial_num":"49230000000%d","percentFull":%s,"encharge_capacity":5000,"last_rpt_date":%d,"communicating":true}`, i, h.num(h.soc), h.now.Unix()))
	}
	if h.iq == 0 {
		return "[]"
	}
	return `[{"type":"ENCHARGE","devices":[` + strings.Join(all, ",") + "]}]"
}

func (h *house) batteries() string {
	var all []string
	for i := range h.iq {
		w := h.batteryW * (1 - h.acbShare()) / float64(h.iq)
		all = append(all, fmt.Sprintf(`{"serial_num":"49230000000%d","real_power_mw":%s,"soc":%s}`, i, h.num(1000*w), h.num(h.soc)))
	}
	return `{"devices:":[` + strings.Join(all, ",") + "]}"
}

func (h *house) secctrl() string {
	return fmt.Sprintf(`{"agg_soc":%s,"ENC_agg_soc":%s,"ENC_agg_avail_energy":%s,"Enc_max_available_capacity":%s,"Max_energy":%s,"configured_backup_soc":%s}`,
		h.num(h.soc), h.num(h.soc), h.num(50*h.soc*float64(h.iq)), h.num(5000*float64(h.iq)), h.num(5000*float64(h.iq)), h.num(20))
}
