package answer

// Production is /production.json, with or without ?details=1, and from
// firmware 7 on /production.
type Production struct {
	Production  []Item `json:"production"`
	Consumption []Item `json:"consumption"`
	Storage     []Item `json:"storage"`
}

// Types of an Item.
const (
	TypeInverters = "inverters" // sum over the microinverters
	TypeEIM       = "eim"       // a CT; counts only while ActiveCount is above 0
	TypeACB       = "acb"       // the AC Batteries; present even without any
)

// Item is one element of a section. Its whToday and whLastSevenDays are wrong
// on too many firmwares to be read at all.
type Item struct {
	Type        Text  `json:"type"`
	Kind        Text  `json:"measurementType"` // absent on M4.2.33
	ActiveCount Int   `json:"activeCount"`
	Time        Epoch `json:"readingTime"` // zero at night on some builds
	PowerW      Num   `json:"wNow"`
	LifetimeWh  Num   `json:"whLifetime"`
	VoltageV    Num   `json:"rmsVoltage"` // sum of the phases
	CurrentA    Num   `json:"rmsCurrent"`
	ReactiveVar Num   `json:"reactPwr"`
	ApparentVA  Num   `json:"apprntPwr"`
	Lines       []Item
	// Of storage only.
	StoredWh Num  `json:"whNow"`
	State    Text `json:"state"`
	SoCPct   Num  `json:"percentFull"`
}

// ParseProduction parses production.json.
func ParseProduction(body []byte) (Production, error) {
	var p Production
	if err := decode(body, '{', &p); err != nil {
		return Production{}, err
	}
	if len(p.Production) == 0 {
		return Production{}, ErrShape
	}
	return p, nil
}

// Inverters returns the sum over the microinverters.
func (p Production) Inverters() (Item, bool) {
	return find(p.Production, func(i Item) bool { return i.Type == TypeInverters })
}

// CT returns the active item of a CT. Without measurementType (M4.2.33) the
// one in the production section is the production CT; nothing can be said of
// one in the consumption section.
func (p Production) CT(kind string) (Item, bool) {
	section := p.Consumption
	if kind == KindProduction {
		section = p.Production
	}
	return find(section, func(i Item) bool {
		named := string(i.Kind) == kind || i.Kind == "" && kind == KindProduction
		return i.Type == TypeEIM && i.ActiveCount > 0 && named
	})
}

// ACB returns the AC Batteries when there are any.
func (p Production) ACB() (Item, bool) {
	return find(p.Storage, func(i Item) bool { return i.Type == TypeACB && i.ActiveCount > 0 })
}

func find(items []Item, is func(Item) bool) (Item, bool) {
	for _, i := range items {
		if is(i) {
			return i, true
		}
	}
	return Item{}, false
}
