// Package page writes what a simulated home measures as the documents of a
// gateway: the shapes, units, signs and oddities of a given firmware.
//
// Each document is made from one State of the home, so the documents of one
// second agree with each other as far as they do on a real gateway. It knows
// nothing of logins and connections (package gateway).
package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/home"
	"envoyd/internal/sim/site"
)

// Kinds of CT that a home can have, as the gateway names them.
const (
	Production = "production"
	Net        = "net-consumption"
	Total      = "total-consumption"
	Storage    = "storage"
)

// Config says which gateway stands in the home.
type Config struct {
	Home       *home.Home
	Serial     string          // 12 digits
	Firmware   string          // dotted, without the letter
	CTs        []string        // enabled ones, in the gateway's order
	Disabled   []string        // present but not in use; they show numbers all the same
	Controller bool            // an IQ System Controller
	Faults     *fault.Switches // nil = healthy
}

// Gateway is the documents of one gateway.
type Gateway struct {
	cfg    Config
	faults *fault.Switches
	pages  map[string]func(*view) (any, error)

	mu       sync.Mutex
	firmware string
	stream   time.Time // until when the live data is refreshed each second
	wraps    int       // times the inverter sum wrapped on demand
	base     map[string]home.Counters
}

// New makes the documents of a gateway.
func New(cfg Config) *Gateway {
	g := &Gateway{cfg: cfg, faults: cfg.Faults, firmware: cfg.Firmware, base: map[string]home.Counters{}}
	if g.faults == nil {
		g.faults = &fault.Switches{}
	}
	g.pages = g.documents()
	return g
}

// Identity is what the gateway says of itself now.
func (g *Gateway) Identity() site.Identity {
	g.mu.Lock()
	defer g.mu.Unlock()
	return site.Identity{Serial: g.cfg.Serial, Firmware: g.firmware}
}

// Update installs another firmware.
func (g *Gateway) Update(firmware string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.firmware = firmware
}

// Wrap lets the inverter sum fall by one 32-bit joule counter, 1 193 046.47 Wh.
// It refuses when the sum is smaller than that.
func (g *Gateway) Wrap() error {
	v := &view{State: g.cfg.Home.State(time.Now()), Gateway: g}
	if v.inverterWh() < joulesWrap {
		return errors.New("the inverter sum is below one wrap already; give the home another LifetimeWh")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wraps++
	return nil
}

// Reset lets the counters of a CT begin at zero again, as when an installer
// commissions it anew.
func (g *Gateway) Reset(kind string) {
	s := g.cfg.Home.State(time.Now())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.base[kind] = s.Counters
}

// errMissing means that this gateway has no such page.
var errMissing = errors.New("no such page")

// view is what a document is made from.
type view struct {
	home.State
	*Gateway
	at      time.Time
	request site.Request
	zeros   bool
	spike   bool
	flicker bool
	details bool
	today   home.Counters // since local midnight
	week    home.Counters // of the last days
}

// documents are the paths that this firmware may have.
func (g *Gateway) documents() map[string]func(*view) (any, error) {
	return map[string]func(*view) (any, error){
		"/home.json": homePage, "/home": homePage,
		"/ivp/meters": meterList, "/ivp/meters/readings": readings, "/ivp/meters/reports": reports,
		"/ivp/meters/reports/production": oneReport(Production), "/ivp/meters/reports/consumption": consumptionReports,
		"/ivp/meters/gridReading": phaseReading(Net), "/ivp/meters/pvReading": phaseReading(Production),
		"/production.json": production, "/production": production,
		"/api/v1/production": apiProduction, "/api/v1/production/inverters": apiInverters,
		"/ivp/pdm/device_data": deviceData, "/ivp/pdm/energy": pdmEnergy, "/ivp/pdm/production": pdmProduction,
		"/ivp/ensemble/inventory": ensembleInventory, "/ivp/ensemble/power": ensemblePower,
		"/ivp/ensemble/secctrl": secctrl, "/ivp/ensemble/status": ensembleStatus, "/ivp/ensemble/relay": relay,
		"/ivp/ensemble/dry_contacts": dryContacts, "/ivp/ensemble/generator": generator,
		"/ivp/ss/gen_config": emptyObject, "/ivp/ss/gen_schedule": emptyObject, "/ivp/ss/pel_settings": pelSettings,
		"/ivp/ss/dry_contact_settings": dryContactSettings, "/ivp/sc/pvlimit": pvLimit,
		"/inventory.json": inventory, "/inventory": inventory, "/admin/lib/tariff": tariff,
		"/ivp/livedata/status": livedata, "/ivp/livedata/stream": streamSwitch,
	}
}

// Page answers one request.
func (g *Gateway) Page(r site.Request) site.Page {
	now := time.Now()
	if r.Path == "/info" || r.Path == "/info.xml" {
		return g.info(now)
	}
	if page, ok := g.old(r, now); ok {
		return page
	}
	write, ok := g.pages[r.Path]
	if !ok || (r.Path == "/ivp/livedata/stream") != (r.Method == http.MethodPost) {
		return g.missing()
	}
	doc, err := write(g.view(r, now))
	if errors.Is(err, errMissing) {
		return g.missing()
	}
	if err != nil {
		return site.Page{Status: http.StatusBadRequest, Body: []byte(err.Error())}
	}
	return g.write(r.Path, doc)
}

// view takes the home's state and the faults that this answer shows.
func (g *Gateway) view(r site.Request, now time.Time) *view {
	v := &view{State: g.cfg.Home.State(now), Gateway: g, at: now, request: r}
	v.details = strings.Contains(r.Query, "details=1")
	v.zeros = g.faults.Take(fault.Zeros, r.Path)
	if hasPower(r.Path) {
		v.spike = g.faults.Take(fault.Spike, r.Path)
	}
	if strings.HasPrefix(r.Path, "/production") {
		v.flicker = g.faults.Take(fault.Flicker, r.Path)
	}
	v.today, v.week = since(v.Counters, v.Midnight), since(v.Counters, v.WeekAgo)
	v.rebase()
	return v
}

// since is what was counted from an earlier moment on.
func since(now, then home.Counters) home.Counters {
	return home.Counters{
		ProductionWh: now.ProductionWh - then.ProductionWh, StandbyWh: now.StandbyWh - then.StandbyWh,
		ImportWh: now.ImportWh - then.ImportWh, ExportWh: now.ExportWh - then.ExportWh,
		ChargeWh: now.ChargeWh - then.ChargeWh, DischargeWh: now.DischargeWh - then.DischargeWh,
		ConsumptionWh: now.ConsumptionWh - then.ConsumptionWh,
	}
}

// hasPower says whether a document has CT figures that a spike can show in.
func hasPower(path string) bool {
	return strings.HasPrefix(path, "/ivp/meters/re") || strings.HasPrefix(path, "/production")
}

// rebase applies what was done to the counters, and the faults of the numbers.
func (v *view) rebase() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b, ok := v.base[Production]; ok {
		v.Counters.ProductionWh -= b.ProductionWh
		v.Counters.StandbyWh -= b.StandbyWh
		for i := range v.Counters.Phases {
			v.Counters.Phases[i].ProductionWh -= b.Phases[i].ProductionWh
			v.Counters.Phases[i].StandbyWh -= b.Phases[i].StandbyWh
		}
	}
	if b, ok := v.base[Net]; ok {
		v.Counters.ImportWh -= b.ImportWh
		v.Counters.ExportWh -= b.ExportWh
		for i := range v.Counters.Phases {
			v.Counters.Phases[i].ImportWh -= b.Phases[i].ImportWh
			v.Counters.Phases[i].ExportWh -= b.Phases[i].ExportWh
		}
	}
	if b, ok := v.base[Storage]; ok {
		v.Counters.ChargeWh -= b.ChargeWh
		v.Counters.DischargeWh -= b.DischargeWh
		for i := range v.Counters.Phases {
			v.Counters.Phases[i].ChargeWh -= b.Phases[i].ChargeWh
			v.Counters.Phases[i].DischargeWh -= b.Phases[i].DischargeWh
		}
	}
	if v.zeros {
		v.Counters, v.Flow, v.today, v.week = home.Counters{}, home.Flow{}, home.Counters{}, home.Counters{}
		for i := range v.Inverters {
			v.Inverters[i].PowerW, v.Inverters[i].LifetimeJoules, v.Inverters[i].TodayWh = 0, 0, 0
		}
	}
}

// write makes a document a page with the headers its handler sends.
func (g *Gateway) write(path string, doc any) site.Page {
	body, err := json.MarshalIndent(doc, "", "    ")
	if err != nil {
		panic("a simulated document cannot be written: " + err.Error())
	}
	page := site.Page{Body: append(body, '\n'), Header: http.Header{}}
	if !strings.HasPrefix(path, "/ivp/") {
		page.Header.Set("Content-Type", "application/json")
		page.Header["Pragma"], page.Header["Expires"] = []string{"no-cache"}, []string{"1"}
		page.Header.Set("Cache-Control", "no-cache")
		page.Slow = !strings.HasPrefix(path, "/api/")
	}
	return page
}

// num is a measured number: three decimals, as the gateway writes it.
type num float64

// MarshalJSON writes three decimals; -0.000 does occur.
func (n num) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(n), 'f', 3, 64), nil
}

// major is the first number of the firmware.
func (g *Gateway) major() int {
	head, _, _ := strings.Cut(g.Identity().Firmware, ".")
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0
	}
	return n
}

// atLeast compares firmware by its dotted numbers.
func (g *Gateway) atLeast(version string) bool {
	have, want := strings.Split(g.Identity().Firmware, "."), strings.Split(version, ".")
	for i := range min(len(have), len(want)) {
		a, errA := strconv.Atoi(have[i])
		b, errB := strconv.Atoi(want[i])
		if errA != nil || errB != nil {
			return false
		}
		if a != b {
			return a > b
		}
	}
	return len(have) >= len(want)
}

// info is /info, the same from the oldest firmware to the newest.
func (g *Gateway) info(now time.Time) site.Page {
	id := g.Identity()
	var extra strings.Builder
	if g.major() >= 4 {
		fmt.Fprintf(&extra, "    <imeter>%t</imeter>\n", g.metered())
	}
	tokens := ""
	if id.Tokens() {
		tokens = "  <web-tokens>true</web-tokens>\n"
	}
	body := fmt.Sprintf(infoXML, now.Unix(), id.Serial, g.partNumber(), id.Firmware, extra.String(), tokens, padded(id.Firmware))
	return site.Page{Body: []byte(body), Header: http.Header{
		"Content-Type": {"text/xml"}, "Pragma": {"no-cache"}, "Expires": {"1"}, "Cache-Control": {"no-cache"},
	}}
}

// metered says whether there is CT hardware.
func (g *Gateway) metered() bool { return len(g.cfg.CTs)+len(g.cfg.Disabled) > 0 }

// partNumber is a board that had such a firmware.
func (g *Gateway) partNumber() string {
	switch {
	case g.major() < 4:
		return "800-00069-r05"
	case g.cfg.Home.Config().Phases == 2:
		return "800-00664-r05"
	case g.metered():
		return "800-00654-r08"
	}
	return "800-00656-r06"
}

// padded writes 8.2.4345 as packages do: 08.02.4345.
func padded(firmware string) string {
	parts := strings.Split(firmware, ".")
	for i := range min(2, len(parts)) {
		parts[i] = fmt.Sprintf("%02s", parts[i])
	}
	return strings.Join(parts, ".")
}

const infoXML = `<?xml version='1.0' encoding='UTF-8'?>
<envoy_info>
  <time>%d</time>
  <device>
    <sn>%s</sn>
    <pn>%s</pn>
    <software>D%s</software>
    <euaid>4c8675</euaid>
    <seqnum>0</seqnum>
    <apiver>1</apiver>
%s  </device>
%s  <package name='app'>
    <pn>500-00002-r01</pn>
    <version>%s</version>
    <build>5f4d83</build>
  </package>
  <build_info>
    <build_id>release-21.xx:pkg-Jul-31-24-15:29:57</build_id>
    <build_time_gmt>1722440021</build_time_gmt>
  </build_info>
</envoy_info>
`
