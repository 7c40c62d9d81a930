"""What is done to the images of a batch, by draws that are functions of seed, epoch and place."""
