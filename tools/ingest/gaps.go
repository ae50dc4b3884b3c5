package ingest

// Gap is an export that is missing, or a part of one: something that was taken in
// names it.
type Gap struct {
	LogID    string `json:"log_id"`
	ExportID string `json:"export_id"` // what was taken in
	Missing  string `json:"missing_export_id"`
	Part     int64  `json:"missing_part,omitempty"` // 0 is the whole export
}

// maxGapParts bounds how many missing parts of one export are listed.
const maxGapParts = 100

// Gaps lists what is missing from the chains of the exports taken in: the one
// before an export that knows of one, and the other parts of one in parts.
func (s *Store) Gaps() ([]Gap, error) {
	all, err := s.records.exports()
	if err != nil {
		return nil, err
	}
	type part struct {
		export string
		number int64
	}
	here, parts, listed := map[string]bool{}, map[part]bool{}, map[part]bool{}
	for _, e := range all {
		here[e.ExportID], parts[part{e.ExportID, e.Part}] = true, true
	}
	gaps := []Gap{}
	add := func(e exported, missing string, number int64) {
		if at := (part{missing, number}); !listed[at] {
			listed[at] = true
			gaps = append(gaps, Gap{e.LogID, e.ExportID, missing, number})
		}
	}
	for _, e := range all {
		if !e.Filtered && e.Previous != "" && !here[e.Previous] {
			add(e, e.Previous, 0)
		}
		for number := int64(1); number <= min(e.Parts, maxGapParts); number++ {
			if !parts[part{e.ExportID, number}] {
				add(e, e.ExportID, number)
			}
		}
	}
	return gaps, nil
}
