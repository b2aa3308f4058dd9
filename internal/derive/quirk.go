package derive

import "envoyd/internal/answer"

// Quirk is a known defect of some firmware: what is not to be believed there
// and what serves instead. The rules ask for it by name.
type Quirk struct {
	Name        string
	NotBelieved string
	Instead     string
	Known       string // where it is known from

	from, until string // firmware range, until excluded; empty is open
	when        func(f *facts) bool
}

// Names of the quirks that rules depend on.
const (
	quirkV1Stale          = "api-v1-stale"
	quirkV1Zero           = "api-v1-zero"
	quirkSumWraps         = "inverter-sum-wraps"
	quirkEachWraps        = "each-inverter-wraps"
	quirkNetImportsOnly   = "net-lifetime-is-imports"
	quirkNetBalance       = "net-lifetime-is-balance"
	quirkTotalIsNet       = "total-overwritten-by-net"
	quirkTotalNoBattery   = "total-ignores-battery"
	quirkDayTotals        = "day-totals"
	quirkVirtualMeter     = "virtual-meter"
	quirkStoragePhases    = "storage-phases-copied"
	quirkPowerFactorSum   = "power-factor-summed"
	quirkInactiveCT       = "inactive-ct-looks-alive"
	quirkOldInverters     = "retired-inverters-listed"
	quirkACBAmongInvert   = "ac-batteries-among-inverters"
	quirkACBSlow          = "ac-battery-power-is-old"
	quirkDeviceListCut    = "device-list-cut"
	quirkModGone          = "mod-gone-at-night"
	quirkEnpowerF         = "controller-in-fahrenheit"
	quirkSecCtrlZero      = "storage-of-zeros"
	quirkTotalCTDirection = "total-ct-direction"
)

// quirks is the table; the fact sheet's sections in Known.
var quirks = []Quirk{
	{Name: quirkV1Stale, from: "8.2.4264", when: (*facts).standard,
		NotBelieved: "/api/v1/production without a CT: left-overs of a CT that was taken off, or zeros",
		Instead:     "/ivp/pdm/device_data, else production.json inverters",
		Known:       "4.2, 5.6: 8.2.4264_metered_noct has 1,583 Wh against 32.5 MWh; zeros on 8.3.5422"},
	{Name: quirkV1Zero, when: func(f *facts) bool { return f.v1Empty },
		NotBelieved: "/api/v1/production while its energies are all 0",
		Instead:     "/ivp/pdm/energy, else production.json inverters",
		Known:       "4.2: 7.3.466 with disabled CTs, 7.6.175_total, 8.3.1598, minutes after a start on 3.x"},
	{Name: quirkSumWraps, from: "7", until: "8.2.4264", when: (*facts).standard,
		NotBelieved: "the state of production.json inverters.whLifetime: the sum overflows each 1,193,046.47 Wh",
		Instead:     "/api/v1/production; of production.json only differences, wraps added back",
		Known:       "4.4: 7.6.175 shows 366,148 Wh where api/v1 has 8,717,473"},
	{Name: quirkEachWraps, from: "8.2.4264", when: (*facts).standard,
		NotBelieved: "a fall of production.json inverters.whLifetime by 1,193,046.47 Wh: one inverter's 32 bits overflowed",
		Instead:     "/ivp/pdm/device_data joulesProduced of each inverter; else the wrap is added back",
		Known:       "4.4: on 8.3.5289 the two differ by exactly one such step"},
	{Name: quirkNetImportsOnly, until: "7.3.466", when: netFromPage,
		NotBelieved: "net-consumption whLifetime as a balance: it holds the imports only",
		Instead:     "it counts as import, export is integrated",
		Known:       "4.4: on 4.10.35 it equals actEnergyDlvd"},
	{Name: quirkNetBalance, from: "7.3.466", when: netFromPage,
		NotBelieved: "net-consumption whLifetime as import: it is imports minus exports and falls",
		Instead:     "import and export are integrated from power; it counts in the consumption only",
		Known:       "4.4: -2,662,918 Wh on 7.3.517_system_2"},
	{Name: quirkTotalIsNet, from: "8.3.1598", until: "8.3.1599", when: (*facts).totalCT,
		NotBelieved: "production.json total-consumption on the new meter stack",
		Instead:     "/ivp/meters/readings of the total CT",
		Known:       "5.6: 8.3.1598 (IQ Combiner 6C)"},
	{Name: quirkTotalIsNet, from: "8.3.5433", when: (*facts).totalCT,
		NotBelieved: "production.json total-consumption: overwritten by net-consumption",
		Instead:     "/ivp/meters/readings of the total CT",
		Known:       "4.4: 8.3.5433 with a total-consumption CT"},
	{Name: quirkTotalCTDirection, when: (*facts).totalCT,
		NotBelieved: "that a total-consumption CT counts in actEnergyDlvd",
		Instead:     "the larger of its two counters, and the power's sign with it",
		Known:       "4.6: 8.3.5433 counts in delivered, older descriptions say received"},
	{Name: quirkTotalNoBattery, when: func(f *facts) bool { return f.hasBattery() },
		NotBelieved: "the gateway's own total-consumption: production + grid, without the battery",
		Instead:     "production + grid + battery",
		Known:       "5.2: 8.2.4286 says 8,885 W where the house uses 1.8 kW"},
	{Name: quirkDayTotals,
		NotBelieved: "whToday and whLastSevenDays",
		Instead:     "our own midnight states of the lifetime counters",
		Known:       "4.4: late resets, zeros, today equal to lifetime, on all firmwares"},
	{Name: quirkVirtualMeter, from: "8.3", when: func(f *facts) bool { return f.from == fromReadings },
		NotBelieved: "readings whose eid /ivp/meters does not list (0x3D000200, all zeros)",
		Instead:     "nothing",
		Known:       "4.5: 8.3.x"},
	{Name: quirkStoragePhases, from: "8.2.127", until: "8.2.4345", when: func(f *facts) bool { return f.enabled[answer.KindStorage] },
		NotBelieved: "voltage, current and apparent power of the storage CT's phases: copies of the net CT's",
		Instead:     "the aggregate",
		Known:       "4.6: 8.2.127 and 8.2.4286 with a storage CT"},
	{Name: quirkPowerFactorSum, from: "8.3.1598", when: (*facts).metered,
		NotBelieved: "pwrFactor: summed over the phases",
		Instead:     "active over apparent power",
		Known:       "4.6: 1.94 on 8.3.1598"},
	{Name: quirkInactiveCT, when: func(f *facts) bool { return f.disabledCT },
		NotBelieved: "numbers of a disabled CT",
		Instead:     "nothing",
		Known:       "0.4: on 8.3.5289 a disabled net CT shows 5.05 MWh"},
	{Name: quirkOldInverters,
		NotBelieved: "that every inverter in the list is installed: retired ones stay for years",
		Instead:     "active in device_data, else a report within 90 days of the newest",
		Known:       "4.3: 51 entries for 19 inverters on 4.2.33"},
	{Name: quirkACBAmongInvert, when: func(f *facts) bool { return f.acb },
		NotBelieved: "devType 11 in the inverter list as an inverter",
		Instead:     "AC Batteries of their own",
		Known:       "4.3: 20 entries for 17 inverters on 8.2.4382_ACB"},
	{Name: quirkACBSlow, when: func(f *facts) bool { return f.acb },
		NotBelieved: "AC Battery power older than a minute",
		Instead:     "nothing: battery and house are unknown then",
		Known:       "5.3: 41 hours old on 8.2.4382_ACB"},
	{Name: quirkDeviceListCut, from: "8.2.4264", when: func(f *facts) bool { return f.devicesCut },
		NotBelieved: "that /ivp/pdm/device_data lists every inverter: it is cut at its limit",
		Instead:     "/api/v1/production/inverters and production.json",
		Known:       "4.15: limit 50 on all captures"},
	{Name: quirkModGone, from: "8.2.4264", when: func(f *facts) bool { return f.devices },
		NotBelieved: "modGone as a sign of removal: healthy inverters show it at night",
		Instead:     "active false",
		Known:       "4.15: 8.3.5169"},
	{Name: quirkEnpowerF, when: func(f *facts) bool { return f.enpower },
		NotBelieved: "the System Controller's temperature as °C",
		Instead:     "converted from °F",
		Known:       "4.10"},
	{Name: quirkSecCtrlZero, when: func(f *facts) bool { return !f.hasBattery() },
		NotBelieved: "the zeros of /ivp/ensemble/secctrl without a battery",
		Instead:     "nothing",
		Known:       "4.11"},
}

// applies reports whether this system has the defect.
func (q Quirk) applies(f *facts) bool {
	return f.fw.within(q.from, q.until) && (q.when == nil || q.when(f))
}

func netFromPage(f *facts) bool { return f.enabled[answer.KindNet] && f.from != fromReadings }

// known are the firmware families that were seen, each until a version that
// was not (excluded).
var known = [][2]string{
	{"3.7", "4"}, {"4.2", "4.11"}, {"5.0", "5.1"}, {"7.0", "7.1"}, {"7.3", "7.4"}, {"7.6", "7.7"},
	{"8.1", "8.2"}, {"8.2", "8.3"}, {"8.3", "8.3.5529"},
}

func isKnown(fw version) bool {
	for _, family := range known {
		if fw.within(family[0], family[1]) {
			return true
		}
	}
	return false
}
