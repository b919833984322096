"""Small networks of our own: photographs, a degradation, and a loop that survives being killed."""
