package answer

// PDMEnergy is /ivp/pdm/energy, of which we take the microinverters' part. It
// is the owner's on some builds and the installer's on others.
type PDMEnergy struct {
	PCU V1 // the same four numbers as api/v1, summed over the inverters
}

// ParsePDMEnergy parses /ivp/pdm/energy.
func ParsePDMEnergy(body []byte) (PDMEnergy, error) {
	var e struct {
		Production struct {
			PCU *V1 `json:"pcu"`
		} `json:"production"`
	}
	if err := decode(body, '{', &e); err != nil {
		return PDMEnergy{}, err
	}
	if e.Production.PCU == nil || !e.Production.PCU.LifetimeWh.Known() {
		return PDMEnergy{}, ErrShape
	}
	return PDMEnergy{PCU: *e.Production.PCU}, nil
}
