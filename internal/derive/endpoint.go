package derive

import (
	"time"

	"envoyd/internal/answer"
)

// Tier is the group of endpoints that share a pace in the configuration
// (poll.meters, poll.batteries, …).
type Tier string

// The tiers.
const (
	Meters    Tier = "meters"
	Batteries Tier = "batteries"
	Inverters Tier = "inverters"
	Live      Tier = "live"
	Status    Tier = "status"
)

// Endpoint is something worth asking a gateway for.
type Endpoint struct {
	Path string
	Tier Tier
	// Slow marks the pages of the gateway's single-worker user interface,
	// which take seconds and hold up one another.
	Slow bool
	// AtLeast is the least time between two requests that the gateway bears,
	// whatever the configuration wants (fact sheet 2.4 to 2.6).
	AtLeast time.Duration
	// Decides marks the pages that the plan cannot do without: whether there
	// are CTs, and batteries that belong into the house's balance. They are to
	// be asked now and then though their tier is off.
	Decides bool

	from, until string                 // firmware range, until excluded
	worth       func(s *Snapshot) bool // nil: always
	serves      func(p *Plan) bool     // nil: polled whenever it answered
	slot
}

// Paths of the endpoints.
const (
	pathMeters     = "/ivp/meters"
	pathReadings   = "/ivp/meters/readings"
	pathReports    = "/ivp/meters/reports"
	pathEnsemble   = "/ivp/ensemble/inventory"
	pathPower      = "/ivp/ensemble/power"
	pathSecCtrl    = "/ivp/ensemble/secctrl"
	pathGenConfig  = "/ivp/ss/gen_config"
	pathGenerator  = "/ivp/ensemble/generator"
	pathLive       = "/ivp/livedata/status"
	pathInverters  = "/api/v1/production/inverters"
	pathDevices    = "/ivp/pdm/device_data"
	pathV1         = "/api/v1/production"
	pathPDM        = "/ivp/pdm/energy"
	pathProduction = "/production.json?details=1"
	pathPage       = "/production"
	pathInventory  = "/inventory.json"
	pathInventory7 = "/inventory"
	pathTariff     = "/admin/lib/tariff"
	pathHome       = "/home.json"
	pathHome7      = "/home"
)

// endpoints is the table, in probe order: what decides about the rest first,
// slow pages last. Firmware ranges from the fact sheet's section 4.1.
var endpoints = []Endpoint{
	{Path: pathMeters, Tier: Status, AtLeast: time.Minute, Decides: true, from: "4",
		slot: slotOf(answer.ParseMeters, func(s *Snapshot) *kept[[]answer.Meter] { return &s.meters })},
	{Path: pathReadings, Tier: Meters, AtLeast: time.Second, from: "4", worth: anyEnabled,
		serves: func(p *Plan) bool { return p.facts.from == fromReadings },
		slot:   slotOf(answer.ParseReadings, func(s *Snapshot) *kept[[]answer.MeterReading] { return &s.readings })},
	{Path: pathReports, Tier: Meters, AtLeast: time.Second, from: "7",
		worth:  func(s *Snapshot) bool { return anyEnabled(s) && !s.readings.have },
		serves: func(p *Plan) bool { return p.facts.from == fromReports },
		slot:   slotOf(answer.ParseReports, func(s *Snapshot) *kept[[]answer.Report] { return &s.reports })},
	{Path: pathEnsemble, Tier: Batteries, AtLeast: time.Minute, Decides: true, from: "5",
		slot: ensembleSlot()},
	{Path: pathPower, Tier: Batteries, AtLeast: 5 * time.Second, from: "7", worth: mayHaveEncharge,
		serves: func(p *Plan) bool { return p.facts.encharge },
		slot:   batterySlot()},
	{Path: pathInverters, Tier: Inverters, AtLeast: 30 * time.Second, from: "3.9",
		slot: inverterSlot()},
	{Path: pathSecCtrl, Tier: Batteries, AtLeast: 30 * time.Second, from: "7",
		worth:  func(s *Snapshot) bool { return mayHaveEncharge(s) || mayHaveACB(s) },
		serves: (*Plan).hasBattery,
		slot:   secctrlSlot()},
	{Path: pathGenConfig, Tier: Status, AtLeast: 5 * time.Minute, from: "7", worth: hasController,
		slot: slotOf(answer.ParseGenConfig, func(s *Snapshot) *kept[answer.GenConfig] { return &s.genConfig })},
	{Path: pathGenerator, Tier: Batteries, AtLeast: 30 * time.Second, from: "7", worth: hasController,
		serves: func(p *Plan) bool { return p.facts.generator },
		slot:   slotOf(answer.ParseGenerator, func(s *Snapshot) *kept[answer.Generator] { return &s.generator })},
	{Path: pathLive, Tier: Live, AtLeast: time.Second, from: "7",
		slot: slotOf(answer.ParseLiveData, func(s *Snapshot) *kept[answer.LiveData] { return &s.live })},
	{Path: pathV1, Tier: Inverters, AtLeast: 30 * time.Second, from: "3.9", worth: noProductionCT,
		serves: func(p *Plan) bool { return p.facts.standard() && !p.facts.v1OfLostCT() },
		slot:   slotOf(answer.ParseV1, func(s *Snapshot) *kept[answer.V1] { return &s.v1 })},
	{Path: pathDevices, Tier: Inverters, AtLeast: time.Minute, from: "8.2.4000",
		slot: deviceSlot()},
	{Path: pathPDM, Tier: Inverters, AtLeast: time.Minute, from: "7", worth: noProductionCT,
		serves: func(p *Plan) bool { return p.uses(ProductionEnergy, sourcePDM) },
		slot:   slotOf(answer.ParsePDMEnergy, func(s *Snapshot) *kept[answer.PDMEnergy] { return &s.pdm })},
	{Path: pathPage, Tier: Inverters, Slow: true, AtLeast: time.Minute, from: "", until: "4",
		worth: func(s *Snapshot) bool { return !s.v1.have },
		slot:  slotOf(answer.ParsePage, func(s *Snapshot) *kept[answer.Page] { return &s.page })},
	{Path: pathProduction, Tier: Inverters, Slow: true, AtLeast: time.Minute, from: "4", worth: needsProductionPage,
		serves: (*Plan).usesProductionPage,
		slot:   productionSlot()},
	{Path: pathInventory, Tier: Status, Slow: true, AtLeast: 15 * time.Minute, from: "4", worth: mayHaveACB,
		serves: func(p *Plan) bool { return p.facts.acb },
		slot:   inventorySlot()},
	{Path: pathInventory7, Tier: Status, Slow: true, AtLeast: 15 * time.Minute, from: "7",
		worth:  func(s *Snapshot) bool { return mayHaveACB(s) && s.missing[pathInventory] },
		serves: func(p *Plan) bool { return p.facts.acb && p.facts.missing[pathInventory] },
		slot:   inventorySlot()},
	{Path: pathTariff, Tier: Status, Slow: true, AtLeast: 5 * time.Minute, from: "7",
		worth:  func(s *Snapshot) bool { return mayHaveEncharge(s) || mayHaveACB(s) },
		serves: (*Plan).hasBattery,
		slot:   slotOf(answer.ParseTariff, func(s *Snapshot) *kept[answer.Tariff] { return &s.tariff })},
	{Path: pathHome, Tier: Status, Slow: true, AtLeast: time.Hour, from: "4",
		slot: slotOf(answer.ParseHome, func(s *Snapshot) *kept[answer.Home] { return &s.home })},
	{Path: pathHome7, Tier: Status, Slow: true, AtLeast: time.Hour, from: "7",
		worth:  func(s *Snapshot) bool { return s.missing[pathHome] },
		serves: func(p *Plan) bool { return p.facts.missing[pathHome] },
		slot:   slotOf(answer.ParseHome, func(s *Snapshot) *kept[answer.Home] { return &s.home })},
}

// Endpoints returns all that is worth probing on this firmware, in the order
// to ask: the later ones may turn out to be needless, see Worth.
func Endpoints(id Identity) []Endpoint {
	fw := versionOf(id.Firmware)
	var worth []Endpoint
	for _, e := range endpoints {
		if fw.within(e.from, e.until) {
			worth = append(worth, e)
		}
	}
	return worth
}

// Worth reports whether the endpoint is still worth probing after what the
// snapshot knows: a house without batteries need not be asked for their state.
func (e Endpoint) Worth(s *Snapshot) bool { return e.worth == nil || e.worth(s) }

func endpointAt(path string) (Endpoint, bool) {
	for _, e := range endpoints {
		if e.Path == path {
			return e, true
		}
	}
	return Endpoint{}, false
}

func anyEnabled(s *Snapshot) bool {
	for _, m := range s.meters.is {
		if m.State == answer.StateEnabled {
			return true
		}
	}
	return false
}

// noProductionCT reports whether production must come from the inverters.
func noProductionCT(s *Snapshot) bool {
	for _, m := range s.meters.is {
		if m.State == answer.StateEnabled && m.Kind == answer.KindProduction {
			return false
		}
	}
	return true
}

// needsProductionPage: the slow page is asked only where the native meters do
// not serve the CTs, where there is no production CT, and for AC Batteries.
func needsProductionPage(s *Snapshot) bool {
	return !s.readings.have || noProductionCT(s) || mayHaveACB(s)
}

func mayHaveEncharge(s *Snapshot) bool {
	return !s.ensemble.have || len(s.ensemble.is[answer.GroupEncharge]) > 0
}

// mayHaveACB reports whether AC Batteries were seen; where the inverter list
// does not tell, they may be there.
func mayHaveACB(s *Snapshot) bool {
	for _, i := range s.inverters.is {
		if i.DevType == answer.DevTypeACB {
			return true
		}
	}
	_, listed := s.production.is.ACB()
	return listed || !s.inverters.have && !s.fw.before("4")
}

func hasController(s *Snapshot) bool {
	return !s.ensemble.have || len(s.ensemble.is[answer.GroupEnpower]) > 0
}
