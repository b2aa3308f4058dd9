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

// hasPower says whether a document has figures that a spike can show in.
func hasPower(path string) bool {
	return strings.HasPrefix(path, "/ivp/meters/re") || strings.HasPrefix(path, "/production") || path == "/api/v1/production"
}

// rebase applies what was done to the counters, and the faults of the numbers.
func (v *view) rebase() {
	if v.zeros {
		v.Counters, v.Flow, v.today, v.week = home.Counters{}, home.Flow{}, home.Counters{}, home.Counters{}
		v.SoCPct, v.StoredWh = 0, 0 // no battery was heard yet
		for i := range v.Inverters {
			v.Inverters[i].PowerW, v.Inverters[i].LifetimeJoules, v.Inverters[i].TodayWh = 0, 0, 0
		}
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for kind, base := range v.base {
		for i := range v.Counters.Phases {
			v.Counters.Phases[i] = less(v.Counters.Phases[i], base.Phases[i], kind)
		}
		whole := less(totals(v.Counters), totals(base), kind)
		v.ProductionWh, v.StandbyWh = whole.ProductionWh, whole.StandbyWh
		v.ImportWh, v.ExportWh = whole.ImportWh, whole.ExportWh
		v.ChargeWh, v.DischargeWh = whole.ChargeWh, whole.DischargeWh
	}
}

// totals are the house's counters in the form of a phase's.
func totals(c home.Counters) home.PhaseCounters {
	return home.PhaseCounters{
		ProductionWh: c.ProductionWh, StandbyWh: c.StandbyWh, ImportWh: c.ImportWh,
		ExportWh: c.ExportWh, ChargeWh: c.ChargeWh, DischargeWh: c.DischargeWh,
	}
}

// less takes off what a CT had counted when it was commissioned anew.
func less(now, then home.PhaseCounters, kind string) home.PhaseCounters {
	switch kind {
	case Production:
		now.ProductionWh, now.StandbyWh = now.ProductionWh-then.ProductionWh, now.StandbyWh-then.StandbyWh
	case Net:
		now.ImportWh, now.ExportWh = now.ImportWh-then.ImportWh, now.ExportWh-then.ExportWh
	case Storage:
		now.ChargeWh, now.DischargeWh = now.ChargeWh-then.ChargeWh, now.DischargeWh-then.DischargeWh
	}
	return now
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
		page.Slow, page.Chunked = !strings.HasPrefix(path, "/api/"), true
	}
	return page
}

// num is a measured number: three decimals, as the gateway writes it.
type num float64

// MarshalJSON writes three decimals; -0.000 does occur.
func (n num) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(n), 'f', 3, 64), nil
}
