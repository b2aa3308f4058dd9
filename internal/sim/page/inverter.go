package page

import (
	"fmt"
	"strconv"

	"envoyd/internal/sim/home"
)

// deviceLimit is where /ivp/pdm/device_data stops listing.
const deviceLimit = 50

// apiInverter is an element of /api/v1/production/inverters.
type apiInverter struct {
	SerialNumber    string `json:"serialNumber"`
	LastReportDate  int64  `json:"lastReportDate"`
	DevType         int    `json:"devType,omitempty"`
	LastReportWatts int    `json:"lastReportWatts"`
	MaxReportWatts  int    `json:"maxReportWatts"`
}

// apiInverters lists everything that ever reported, AC Batteries too.
func apiInverters(v *view) (any, error) {
	list := []apiInverter{}
	for _, inv := range v.Inverters {
		if inv.Removed && v.atLeast("8.3.5289") {
			continue
		}
		list = append(list, apiInverter{inv.Serial, inv.Reported.Unix(), 1, int(inv.PowerW), int(inv.MaxPowerW)})
	}
	for i := range v.Config.ACBatteries {
		list = append(list, apiInverter{ACBatterySerial(i), v.Time.Truncate(bucket).Unix(), 11, 0, 260})
	}
	if v.major() < 4 {
		for i := range list {
			list[i].DevType = 0
		}
	}
	return list, nil
}

// ACBatterySerial is the serial of the i-th AC Battery.
func ACBatterySerial(i int) string { return fmt.Sprintf("1220%08d", 12000001+i) }

// device is an entry of /ivp/pdm/device_data.
type device struct {
	DevName  string    `json:"devName"`
	Sn       string    `json:"sn"`
	Active   bool      `json:"active"`
	ModGone  bool      `json:"modGone"`
	Channels []channel `json:"channels"`
}

type channel struct {
	ChanEid     int64     `json:"chanEid"`
	Created     int64     `json:"created"`
	WattHours   wattHours `json:"wattHours"`
	Watts       watts     `json:"watts"`
	LastReading any       `json:"lastReading"`
	Lifetime    any       `json:"lifetime"`
}

type wattHours struct {
	Today     int `json:"today"`
	Yesterday int `json:"yesterday"`
	Week      int `json:"week"`
}

type watts struct {
	Now     int64 `json:"now"`
	NowUsed int   `json:"nowUsed"`
	Max     int   `json:"max"`
}

// lastReading is an inverter's own measurement of its last interval.
type lastReading struct {
	Eid                 int64  `json:"eid"`
	IntervalType        int    `json:"interval_type"`
	EndDate             int64  `json:"endDate"`
	Duration            int    `json:"duration"`
	Flags               int    `json:"flags"`
	FlagsHex            string `json:"flags_hex"`
	JoulesProduced      int64  `json:"joulesProduced"`
	AcVoltageINmV       int    `json:"acVoltageINmV"`
	AcFrequencyINmHz    int    `json:"acFrequencyINmHz"`
	DcVoltageINmV       int    `json:"dcVoltageINmV"`
	DcCurrentINmA       int    `json:"dcCurrentINmA"`
	ChannelTemp         int    `json:"channelTemp"`
	PwrConvErrSecs      int    `json:"pwrConvErrSecs"`
	PwrConvMaxErrCycles int    `json:"pwrConvMaxErrCycles"`
	JoulesUsed          int    `json:"joulesUsed"`
	LeadingVArs         int    `json:"leadingVArs"`
	LaggingVArs         int    `json:"laggingVArs"`
	AcCurrentInmA       int    `json:"acCurrentInmA"`
	L1NAcVoltageInmV    int    `json:"l1NAcVoltageInmV"`
	L2NAcVoltageInmV    int    `json:"l2NAcVoltageInmV"`
	L3NAcVoltageInmV    int    `json:"l3NAcVoltageInmV"`
	Rssi                int    `json:"rssi"`
	Issi                int    `json:"issi"`
}

type lifetime struct {
	CreatedTime    int64 `json:"createdTime"`
	Duration       int64 `json:"duration"`
	JoulesProduced int64 `json:"joulesProduced"`
}

// deviceData is /ivp/pdm/device_data, from 8.2.4 on.
func deviceData(v *view) (any, error) {
	if !v.atLeast("8.2.4000") {
		return nil, errMissing
	}
	out := map[string]any{"deviceDataLimit": deviceLimit}
	count := 0
	for i, inv := range v.Inverters {
		if count < deviceLimit {
			out[strconv.Itoa(553648384+256*i)] = v.pcu(inv, 1627390225+256*int64(i))
			count++
		}
	}
	for _, kind := range v.positions() {
		eid := eidOf(kind)
		out[strconv.FormatInt(eid, 10)] = device{
			DevName: "eim", Sn: fmt.Sprintf("%sEIM%d", v.cfg.Serial, eid>>8&0xf), Active: true, ModGone: true,
			Channels: []channel{v.eimChannel(kind, eid+channelOffset)},
		}
		count++
	}
	out["deviceCount"] = count
	return out, nil
}

// pcu is one inverter's entry. A removed one stays, emptied.
func (v *view) pcu(inv home.Inverter, eid int64) device {
	c := channel{ChanEid: eid, LastReading: struct{}{}, Lifetime: struct{}{}}
	if inv.Removed {
		return device{"pcu", inv.Serial, false, true, []channel{c}}
	}
	c.Created = inv.Reported.Unix()
	c.WattHours = wattHours{int(inv.TodayWh), int(inv.YesterdayWh), int(inv.WeekWh)}
	c.Watts = watts{Now: int64(inv.PowerW), Max: int(inv.MaxPowerW)}
	c.LastReading = lastReadingOf(inv, eid, v.Config.Phases)
	c.Lifetime = lifetime{v.Config.Start.Unix() - 6124463, 6124463 + v.Time.Unix() - v.Config.Start.Unix(), int64(inv.LifetimeJoules)}
	return device{"pcu", inv.Serial, true, false, []channel{c}}
}

func lastReadingOf(inv home.Inverter, eid int64, phases int) lastReading {
	r := lastReading{
		Eid: eid, EndDate: inv.Reported.Unix(), Duration: int(inv.Duration.Seconds()), FlagsHex: "0x0000000000000000",
		JoulesProduced: int64(inv.Joules), AcVoltageINmV: 247000, AcFrequencyINmHz: 50010, DcVoltageINmV: 32300,
		ChannelTemp: 18 + int(inv.PowerW/16), LaggingVArs: 38, Rssi: 110, Issi: 68,
	}
	if phases == 2 {
		r.AcFrequencyINmHz = 60010
	}
	r.DcCurrentINmA = int(inv.PowerW / 0.96 / 32.3 * 1000)
	r.AcCurrentInmA = int(inv.PowerW / 247 * 1000)
	return r
}

// eimChannel is a CT's entry, at the end of the last quarter hour.
func (v *view) eimChannel(kind string, eid int64) channel {
	m := v.gatewayView(kind, -1)
	today, week := v.energyToday(kind)
	end := v.Time.Truncate(bucket).Unix()
	now := int64(m.W)
	if kind == Production && now < 0 {
		now += 1 << 32 // the gateway underflows here
	}
	return channel{
		ChanEid: eid, Created: end, WattHours: wattHours{int(today), 0, int(week)}, Watts: watts{Now: now, Max: 9999},
		LastReading: map[string]any{
			"eid": eid, "interval_type": 0, "endDate": end, "duration": 900, "curr_w": int(m.W), "wh_dlvd_cum": int64(m.Dlvd),
			"rms_mvolt": int(m.Volt * 1000), "rms_mamp": int(m.amps() * 1000), "freq_mhz": int(m.Hz * 1000),
			"wh_pos": int64(m.Dlvd), "wh_neg": int64(m.Rcvd),
		},
		Lifetime: map[string]any{"createdTime": v.Config.Start.Unix() - 6124463, "wh_dlvd_cum": int64(m.Dlvd)},
	}
}

// pdm is /ivp/pdm/energy; /ivp/pdm/production is its first half.
type pdm struct {
	Production  pdmProductionPart     `json:"production"`
	Consumption map[string]apiNumbers `json:"consumption,omitempty"`
}

type pdmProductionPart struct {
	Pcu apiNumbers `json:"pcu"`
	Rgm apiNumbers `json:"rgm"`
	Eim apiNumbers `json:"eim"`
}

func pdmEnergy(v *view) (any, error) {
	p := pdm{Production: pdmProductionPart{Pcu: v.inverterNumbers(v.inverterWh())}}
	if v.enabled(Production) {
		p.Production.Eim = v.quarterHour()
		m := v.gatewayView(Total, -1)
		today, week := v.energyToday(Total)
		p.Consumption = map[string]apiNumbers{"eim": {int64(today), int64(week), int64(m.Dlvd), int64(m.W)}}
	}
	return p, nil
}

func pdmProduction(v *view) (any, error) {
	p, err := pdmEnergy(v)
	if err != nil {
		return nil, err
	}
	return map[string]any{"production": p.(pdm).Production}, nil
}

// inventoryDevice is an entry of /inventory.json, where dates are strings.
type inventoryDevice struct {
	PartNum       string            `json:"part_num"`
	Installed     string            `json:"installed"`
	SerialNum     string            `json:"serial_num"`
	DeviceStatus  []string          `json:"device_status"`
	LastRptDate   string            `json:"last_rpt_date"`
	AdminState    int               `json:"admin_state"`
	DevType       int               `json:"dev_type"`
	CreatedDate   string            `json:"created_date"`
	ImgLoadDate   string            `json:"img_load_date"`
	ImgRunning    string            `json:"img_pnum_running"`
	Ptpn          string            `json:"ptpn"`
	Chaneid       int64             `json:"chaneid"`
	DeviceControl []map[string]bool `json:"device_control"`
	Producing     bool              `json:"producing"`
	Communicating bool              `json:"communicating"`
	Provisioned   bool              `json:"provisioned"`
	Operating     bool              `json:"operating"`
	*acbState
}

// acbState is what an AC Battery's entry has besides.
type acbState struct {
	SleepEnabled bool   `json:"sleep_enabled"`
	PercentFull  int    `json:"percentFull"`
	MaxCellTemp  int    `json:"maxCellTemp"`
	SleepMinSoc  int    `json:"sleep_min_soc"`
	SleepMaxSoc  int    `json:"sleep_max_soc"`
	ChargeStatus string `json:"charge_status"`
}

type inventoryGroup struct {
	Type    string            `json:"type"`
	Devices []inventoryDevice `json:"devices"`
}

// inventory is /inventory.json.
func inventory(v *view) (any, error) {
	pcu, acb := []inventoryDevice{}, []inventoryDevice{}
	for i, inv := range v.Inverters {
		d := inventoryEntry(inv.Serial, 1, 1627390225+256*int64(i), inv.Reported.Unix())
		d.Producing = inv.PowerW > 0 && !inv.Removed
		if inv.Removed {
			if v.request.Query == "" {
				continue
			}
			d.AdminState, d.Communicating, d.Operating = 3, false, false
		}
		pcu = append(pcu, d)
	}
	for i := range v.Config.ACBatteries {
		d := inventoryEntry(ACBatterySerial(i), 11, 1610612736+256*int64(i), v.Time.Truncate(bucket).Unix())
		d.acbState = &acbState{PercentFull: int(v.SoCPct), MaxCellTemp: 27, SleepMinSoc: 20, SleepMaxSoc: 30, ChargeStatus: v.storageItem().State}
		acb = append(acb, d)
	}
	return []inventoryGroup{{"PCU", pcu}, {"ACB", acb}, {"NSRB", []inventoryDevice{}}}, nil
}

func inventoryEntry(serial string, kind int, eid, reported int64) inventoryDevice {
	return inventoryDevice{
		PartNum: "800-01331-r02", Installed: "1750786534", SerialNum: serial, DeviceStatus: []string{"envoy.global.ok"},
		LastRptDate: strconv.FormatInt(reported, 10), AdminState: 2, DevType: kind, CreatedDate: "1750786534", ImgLoadDate: "0",
		ImgRunning: "521-00005-r06-v02.61.01", Ptpn: "549-00040-r01-v02.61.01", Chaneid: eid,
		DeviceControl: []map[string]bool{{"gficlearset": false}}, Communicating: true, Provisioned: true, Operating: true,
	}
}
