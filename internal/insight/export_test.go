package insight

// SetPage sets how many deployments are read at once.
func (i *Insights) SetPage(n int) { i.page = n }

// Kept returns how many answers are kept.
func (i *Insights) Kept() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.answers)
}
