package reading

import "time"

// Flow names one of the six energies that are published.
type Flow string

// The flows.
const (
	Production  Flow = "production"
	Consumption Flow = "consumption"
	Import      Flow = "import"
	Export      Flow = "export"
	Charge      Flow = "charge"
	Discharge   Flow = "discharge"
)

// Flows lists the six in the order of the wire form.
func Flows() [6]Flow { return [6]Flow{Production, Consumption, Import, Export, Charge, Discharge} }

// At returns the counter of a flow.
func (e *Energy) At(f Flow) *Value {
	switch f {
	case Production:
		return &e.ProductionWh
	case Consumption:
		return &e.ConsumptionWh
	case Import:
		return &e.ImportWh
	case Export:
		return &e.ExportWh
	case Charge:
		return &e.ChargeWh
	case Discharge:
		return &e.DischargeWh
	}
	panic("reading: unknown flow " + string(f))
}

// Counter is a lifetime counter as the gateway gave it: not yet trusted. The
// ledger makes published energy of it.
type Counter struct {
	// Name is the counter's identity: which hardware or endpoint counts, and
	// what ("ct/production/delivered", "inverter/122344043197", "v1/lifetime").
	// Another name is another counter, whatever its value.
	Name string
	// Wh is the counter's state. It may be negative or step down: some
	// firmware gives balances.
	Wh float64
	// Time is when it was measured, in our clock.
	Time time.Time
	// WrapWh is the step by which the counter is known to fall when a 32-bit
	// joule counter inside the gateway overflows; 0 where none is known.
	WrapWh float64
	// MaxW is the most the hardware behind it can do, in W; 0 when unknown.
	MaxW float64
	// StepWh is the resolution of a coarse counter: it stands still and then
	// moves by that much at once (firmware 3.7 prints whole MWh), so one step
	// is never a jump. 0 where the counter is fine.
	StepWh float64
	// BurstWh is what the counter may rise by at once although MaxW allows less
	// for the time between two states: a sum of microinverters grows by whole
	// reports of 5 to 15 minutes, several of them between two polls. Over time
	// MaxW holds. 0 where the counter follows the power.
	BurstWh float64
	// Balance says that the counter rightly goes both ways (production.json's
	// net whLifetime from firmware 7.3.466 on is imports minus exports): a
	// fall within MaxW is a negative difference, not a reset.
	Balance bool
}

// Term is a counter's part in a flow: +1 adds its differences, -1 subtracts.
//
// Counter is the Name of a Counter of the same input, or an Integral name. A
// term whose counter is missing from an input has not changed; it is never 0.
// The terms of an account may change from one input to the next (a
// microinverter joins or leaves): the flow goes on without a step.
type Term struct {
	Counter string
	Sign    float64
}

// Integral names the energy that the ledger integrates for flow f itself,
// because no counter exists for it ("flow/charge"). A Term may name it like a
// Counter: the consumption of a house whose battery has no CT is the balance
// of the CT counters plus Integral(Discharge) minus Integral(Charge). Its
// state starts at 0 and is what the ledger has integrated for f's Account so
// far, up to the same input. A flow with such a term is itself estimated, and
// waits while that power is unknown.
func Integral(f Flow) string { return "flow/" + string(f) }

// Account says how a flow is made of counters, or, where none exists, that it
// is integrated from power.
type Account struct {
	Flow Flow
	// Terms are summed; empty means integrate PowerW.
	Terms []Term
	// PowerW is the power whose positive part is integrated where no counter
	// exists, in W, already signed so that positive means this flow; absent
	// while it is unknown (the time without it counts nothing). With terms it
	// is only used where a counter has a StepWh: the flow then goes by power
	// between the steps; without it, by whole steps, and has no today.
	PowerW Value
	// Held says that the flow does not count at present: import and export
	// while off-grid.
	Held bool
}
