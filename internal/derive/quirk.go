package derive

import (
	"slices"

	"envoyd/internal/answer"
)

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

// readingQuirks are defects that the rules meet by what they read, not by
// asking for a name: which answer, which element, which digits. With
// quirks they are what the fact sheet's sections 4.2 to 4.6 and 4.15 know.
var readingQuirks = []Quirk{
	{Name: "api-v1-behind-ct", from: "4", when: (*facts).metered,
		NotBelieved: "/api/v1/production behind a CT: buckets of 15 minutes up to 28 minutes old, frozen or 0 on the new meter stack",
		Instead:     "/ivp/meters/readings",
		Known:       "4.2: 8.3.5433 shows 9,573,830 Wh where the CT has 14,405,465; zeros on 8.3.1598"},
	{Name: "api-v1-steps-down", from: "7", when: func(f *facts) bool { return f.standard() && f.v1 },
		NotBelieved: "a fall of wattHoursLifetime by 1,193,046.47 Wh",
		Instead:     "the wrap is added back",
		Known:       "4.2: reported on 7.x and on 8.3.5169 and 8.3.5289"},
	{Name: "inverter-sum-without-time", from: "4", when: (*facts).standard,
		NotBelieved: "production.json inverters.wNow while its readingTime is 0, as at night",
		Instead:     "the inverters' own reports that are fresh",
		Known:       "4.4"},
	{Name: "removed-drop-out-of-sum", from: "8.2.4264", when: (*facts).standard,
		NotBelieved: "a fall of production.json inverters.whLifetime by what a removed inverter had made",
		Instead:     "each inverter's own counter; else the level is put on trial and counts nothing",
		Known:       "4.4: 8.3.5433 has 9,791,640 Wh of the 12 that remain"},
	{Name: "first-unwrapped-firmware", from: "8.2.4264", when: (*facts).standard,
		NotBelieved: "the rise of the inverters' sum with the first firmware that no longer wraps",
		Instead:     "a new level, no energy",
		Known:       "4.4: one large jump after the update"},
	{Name: "active-count-flickers", from: "8.3", when: func(f *facts) bool { return f.from == fromPage },
		NotBelieved: "activeCount 0 of a healthy CT in single answers",
		Instead:     "the answer of before, until it has lasted ten minutes",
		Known:       "4.4: 8.3.5528"},
	{Name: "computed-total", when: (*facts).netCT,
		NotBelieved: "total-consumption beside a net CT as a measurement: it is worked out, and may decrease",
		Instead:     "production + grid + battery",
		Known:       "4.4: exact on 8.3.1598, to 1 % on others"},
	{Name: "items-without-kind", from: "4", until: "5", when: (*facts).metered,
		NotBelieved: "consumption items of production.json that lack type or measurementType",
		Instead:     "/ivp/meters/readings",
		Known:       "4.4: M4.2.33"},
	{Name: "reactive-energy-swapped", from: "8.3.1598", when: (*facts).metered,
		NotBelieved: "vahLifetime and the lead and lag counters",
		Instead:     "nothing",
		Known:       "4.4: 0 and swapped against the readings on the new meter stack"},
	{Name: "production-json-refused", from: "7.0", until: "7.1", when: (*facts).standard,
		NotBelieved: "401 on production.json as a refused token",
		Instead:     "/api/v1/production",
		Known:       "4.4: 7.0.88 without CTs"},
	{Name: "phase-mode", when: (*facts).metered,
		NotBelieved: "phaseMode: homes with one phase show three",
		Instead:     "phaseCount",
		Known:       "4.5: 7.6.175_with_cts, 8.2.4345"},
	{Name: "eid-positions", when: (*facts).metered,
		NotBelieved: "the meaning of a CT's eid: the consumption position is net or total",
		Instead:     "measurementType, the eid only to join",
		Known:       "4.5: captures and the vendor's sample disagree"},
	{Name: "unused-phases", when: (*facts).metered,
		NotBelieved: "channels from phaseCount on: noise, a few volts, drifting counters; on 8.2.127 and 8.2.4286 the third repeats the battery",
		Instead:     "the aggregate, and the first phaseCount channels",
		Known:       "4.6"},
	{Name: "sums-over-phases", when: (*facts).metered,
		NotBelieved: "the aggregate's voltage: the sum of its phases; and that channels add up to it on the new meter stack",
		Instead:     "the mean of the channels above 20 V; energy and power of the aggregate",
		Known:       "4.4, 4.6: 247 V split, 713 V on three phases"},
	{Name: "odd-numbers",
		NotBelieved: "-0.000, text for numbers, 4294967292 for -4, times with fractions",
		Instead:     "0, absent, refused, truncated",
		Known:       "4.6, 4.15: 8.3.1598 and eim watts.now"},
	{Name: "device-data-meters-frozen", from: "8.2.4264", when: func(f *facts) bool { return f.answered[pathDevices] },
		NotBelieved: "the eim entries of /ivp/pdm/device_data, and the day totals of AC Batteries in it",
		Instead:     "/ivp/meters/readings; nothing",
		Known:       "4.15: frozen for days on 8.3.5433"},
	{Name: "device-data-stalls", from: "8.2.4264", when: func(f *facts) bool { return f.answered[pathDevices] },
		NotBelieved: "silence for 30 to 85 seconds shortly after 23:00 as a fault",
		Instead:     "not asked from 22:57 to 23:10 of the gateway's time",
		Known:       "4.15, 6"},
}

// allQuirks is the whole table.
func allQuirks() []Quirk { return slices.Concat(quirks, readingQuirks) }

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
